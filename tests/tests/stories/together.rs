//! The people of most stories.

use renolog_protocol::id::CommunityId;
use renolog_protocol::time::SpanMs;
use renolog_tests::world::{PhoneId, World};

/// 德胜新村, and who takes part in its renovation.
pub(crate) struct Desheng {
    pub(crate) id: CommunityId,
    /// A building captain.
    pub(crate) chen: PhoneId,
    /// The property manager.
    pub(crate) wang: PhoneId,
    /// The owners' committee.
    pub(crate) li: PhoneId,
    /// The residents' committee.
    pub(crate) zhao: PhoneId,
    /// The street office: an administrator, always online.
    pub(crate) street: PhoneId,
}

/// Everyone has enrolled and met everyone.
pub(crate) fn desheng(seed: u64) -> (World, Desheng) {
    let mut world = World::new(seed);
    let id = world.community("desheng", "德胜新村");
    let mut enrol = |role, name| world.enrol(id, role, name);
    let people = Desheng {
        id,
        chen: enrol("captain", "陈阿姨"),
        wang: enrol("property_manager", "王经理"),
        li: enrol("owners_committee", "李主任"),
        zhao: enrol("residents_committee", "赵书记"),
        street: enrol("street", "街道旧改办"),
    };
    world.run_until_quiet();
    (world, people)
}

/// A matter that has been agreed on and signed off by all three, so that it could be closed.
pub(crate) fn a_matter_to_be_closed(world: &mut World, people: &Desheng) -> renolog_protocol::id::RecordId {
    let matter = world.open_matter(people.wang, people.id, "小区停车位重新划线");
    for name in ["discuss", "agree", "act"] {
        world.moves(people.wang, matter, name, None);
    }
    world.run_until_quiet();
    for who in [people.wang, people.li, people.zhao] {
        world.sign_off(who, matter, true);
    }
    world.run_until_quiet();
    matter
}

pub(crate) fn hours(count: i64) -> SpanMs {
    SpanMs::from_secs(count * 3600)
}

pub(crate) fn minutes(count: i64) -> SpanMs {
    SpanMs::from_secs(count * 60)
}
