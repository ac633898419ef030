//! One small story that shows everything a history can show: parties side by side, a conflict, an overtaken move, an
//! offline spell, a wrong clock, a batch that another phone carried, and work that was refused.

use renolog_protocol::id::{CommunityId, RecordId};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_server::store::Store;

use crate::world::{PhoneId, World};

/// Who took part, and what it was about.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// 德胜新村.
    pub desheng: CommunityId,
    /// A community where none of them has a role.
    pub qinfeng: CommunityId,
    /// A building captain.
    pub chen: PhoneId,
    /// The property manager.
    pub wang: PhoneId,
    /// The owners' committee.
    pub li: PhoneId,
    /// The street office.
    pub street: PhoneId,
    /// A rectification: everyone reads it.
    pub leak: RecordId,
    /// A three-party matter: captains do not read it.
    pub parking: RecordId,
}

/// Tells the story.
pub fn tell<S: Store>(world: &mut World<S>) -> Told {
    let desheng = world.community("desheng", "德胜新村");
    let qinfeng = world.community("qinfeng", "勤丰小区");
    let chen = world.enrol(desheng, "captain", "陈阿姨");
    let wang = world.enrol(desheng, "property_manager", "王经理");
    let li = world.enrol(desheng, "owners_committee", "李主任");
    let zhao = world.enrol(desheng, "residents_committee", "赵书记");
    let street = world.enrol(desheng, "street", "街道旧改办");
    world.set_clock_ahead(li, hours(72));
    world.cut(li);
    world.run_until_quiet();

    let leak = world.raise(chen, desheng, "quality", "3幢 屋面");
    let parking = world.open_matter(wang, desheng, "小区停车位重新划线");
    world.run_until_quiet();
    for step in ["discuss", "agree", "act"] {
        world.moves(wang, parking, step, None);
    }
    world.run_until_quiet();
    for signer in [wang, li, zhao] {
        world.sign_off(signer, parking, true);
    }
    world.run_until_quiet();

    they_disagree_offline(world, [chen, wang, li], leak, parking);
    a_captain_goes_too_far(world, desheng, chen, leak);
    one_carries_for_another(world, desheng, chen, wang);
    world.run_until_quiet();
    Told { desheng, qinfeng, chen, wang, li, street, leak, parking }
}

fn they_disagree_offline<S: Store>(world: &mut World<S>, [chen, wang, li]: [PhoneId; 3], leak: RecordId, parking: RecordId) {
    for who in [chen, wang, li] {
        world.offline(who);
    }
    world.pass(hours(30));
    world.set(chen, leak, "location", "3幢2单元 屋面");
    world.note(chen, leak, "五楼也在漏");
    world.moves(wang, parking, "close", None);
    world.pass(hours(5));
    world.set(wang, leak, "location", "3幢 西侧屋面");
    world.moves(li, parking, "reopen", Some("划线后仍有纠纷"));
    world.pass(hours(20));
    for who in [wang, li, chen] {
        world.online(who);
        world.run_until_quiet();
    }
}

/// Her phone takes her for a supervisor, and the server does not.
fn a_captain_goes_too_far<S: Store>(world: &mut World<S>, desheng: CommunityId, chen: PhoneId, leak: RecordId) {
    world.offline(chen);
    world.takes_itself_for(chen, desheng, "supervisor");
    world.set(chen, leak, "due", "2026-03-20");
    world.pass(hours(1));
    world.online(chen);
    world.run_until_quiet();
}

/// Two batches, of which the second arrives first, brought by someone else.
fn one_carries_for_another<S: Store>(world: &mut World<S>, desheng: CommunityId, chen: PhoneId, wang: PhoneId) {
    let before = world.batches_of(chen).len();
    world.cut_at_next_push(chen);
    let stairs = world.raise(chen, desheng, "safety", "5幢 楼道堆物");
    world.offline(chen);
    world.pass(hours(2));
    world.note(chen, stairs, "堆了两辆电动车");
    world.online(chen);
    world.cut_at_next_push(chen);
    world.run_until(|world| world.batches_of(chen).len() == before + 2);
    world.offline(chen);
    let batches = world.batches_of(chen);
    world.carry(wang, &batches[before + 1..]);
    world.open_matter(wang, desheng, "物业费调整");
    world.run_until_quiet();
    world.carry(wang, &batches[before..=before]);
    world.online(chen);
}

fn hours(count: i64) -> SpanMs {
    SpanMs::from_secs(count * 3600)
}

/// When the story is over and people look back on it.
pub const LATER: UnixMs = UnixMs(crate::world::MORNING.0 + 7 * 86_400_000);
