//! Anything may happen: several phones, a few hundred random steps, and in the end everyone agrees.
//!
//! `RENOLOG_SEED=17` plays one seed, `RENOLOG_SEEDS=500` plays seeds 0 to 499.

use renolog_server::store::dump;
use renolog_tests::checks::{Summary, converged};
use renolog_tests::play::Play;

const STEPS: u32 = 220;

fn seeds() -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    match (number("RENOLOG_SEED"), number("RENOLOG_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (0..count).collect(),
        (None, None) => (0..12).collect(),
    }
}

#[test]
fn whatever_happens_everyone_agrees_in_the_end() {
    let mut total = Summary::default();
    for seed in seeds() {
        let summary = converged(&mut Play::of(seed, STEPS));
        println!("{summary:?}");
        total.changes += summary.changes;
        total.conflicts += summary.conflicts;
        total.superseded += summary.superseded;
        total.forked += summary.forked;
    }
    if seeds().len() > 5 {
        assert!(total.conflicts > 0 && total.superseded > 0 && total.forked > 0, "a dull simulation: {total:?}");
    }
}

#[test]
fn the_same_seed_plays_the_same_run() {
    let run = |seed| {
        let mut world = Play::of(seed, STEPS);
        (converged(&mut world), world.messages(), world.now(), dump(world.store()).unwrap())
    };
    assert_eq!(run(3), run(3));
}
