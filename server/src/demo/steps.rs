//! The three steps elsewhere in the district, quickly: a decision of the owners in 叶青苑, claims in 流水北苑, illegal
//! structures in 勤丰, resources in 贡院.

use anyhow::Result;
use renolog_protocol::id::RecordId;
use renolog_protocol::schema::Value;
use renolog_protocol::time::SpanMs;

use super::person::{Person, Stage};

/// Of 211 units, so many vote, and so many of them agree: the quorum is 141, three quarters of 150 are 113.
const VOTES: usize = 150;
const AGREEING: usize = 121;
/// Made up; 211 units share 19,000 m².
const UNIT_CM2: i64 = 900_000;

/// 改前: the three gates in 叶青苑, the third by a vote of the owners.
pub(super) async fn before_works(stage: &Stage, street: &mut Person) -> Result<Vec<Person>> {
    let here = ["yeqing"];
    let mut zhou = stage.enrol("周专员", "specialist", &here, SpanMs(0)).await?;
    let mut wu = stage.enrol("吴主任", "owners_committee", &here, SpanMs(0)).await?;
    let mut zheng = stage.enrol("郑书记", "residents_committee", &here, SpanMs(0)).await?;

    let motion = wu.create(
        "yeqing",
        "motion",
        &[
            ("text", Value::from("同意按方案实施旧改，加装无障碍坡道，改用小区东侧空地设养老服务点")),
            ("class", "major".into()),
            ("units", 211.into()),
            ("area_cm2", (211 * UNIT_CM2).into()),
        ],
    )?;
    wu.go(motion, "publish", None)?;
    wu.go(motion, "vote", None)?;
    wu.settle("决策已公布，开始投票  the motion is published and the vote is open").await?;
    let mut ballots = Vec::new();
    for number in 0..VOTES {
        let choice = if number < AGREEING { "agree" } else { "disagree" };
        let fields = [
            ("motion", Value::from(motion.to_string().as_str())),
            ("unit", format!("{}-{}", number / 53 + 1, number % 53 + 101).as_str().into()),
            ("area_cm2", UNIT_CM2.into()),
            ("choice", choice.into()),
            ("channel", "door".into()),
        ];
        ballots.push(wu.create_quietly("yeqing", "ballot", &fields)?);
    }
    wu.settle(&format!("登记 {VOTES} 张票  {VOTES} ballots are recorded")).await?;
    zheng.settle("收到选票  the ballots came").await?;
    for ballot in &ballots {
        zheng.put_quietly(*ballot, "witness", None, &[("seen", true)])?;
    }
    zheng.settle("见证完毕  witnessed").await?;
    wu.settle("收到见证  received").await?;
    for ballot in &ballots {
        wu.go_quietly(*ballot, "verify")?;
    }
    wu.go(motion, "count", None)?;
    wu.go(motion, "pass", None)?;
    wu.go(motion, "publicise", None)?;
    wu.settle("计票、通过、公示  counted, passed, made public").await?;

    zhou.settle("收到  received").await?;
    for (which, items) in [("standards", ["无障碍", "消防"]), ("scheme", ["管线", "绿化"]), ("decision", ["公示", "票数"])]
    {
        let fields = [("which", Value::from(which))];
        let gate = zhou.create("yeqing", "gate", &fields)?;
        for item in items {
            zhou.put_quietly(gate, "checklist", Some(item), &[("met", true)])?;
        }
        if which == "decision" {
            zhou.set(gate, "motion", &motion.to_string())?;
        }
        zhou.settle("已起草  drafted").await?;
        pass_gate(gate, &mut zheng, street).await?;
    }
    Ok(vec![zhou, wu, zheng])
}

async fn pass_gate(gate: RecordId, committee: &mut Person, street: &mut Person) -> Result<()> {
    committee.settle("收到  received").await?;
    committee.go(gate, "submit", None)?;
    committee.settle("已报审  submitted").await?;
    street.settle("收到  received").await?;
    street.go(gate, "approve", None)?;
    street.settle("已通过  approved").await
}

/// 一名党员一幢楼: nine claims for the nine buildings of 流水北苑; the sixth building is claimed twice, apart.
pub(super) async fn claims(stage: &Stage) -> Result<Vec<Person>> {
    let here = ["liushui"];
    let mut he = stage.enrol("何书记", "residents_committee", &here, SpanMs(0)).await?;
    let mut captain = stage.enrol("沈阿姨", "captain", &here, SpanMs(0)).await?;
    let mut other = stage.enrol("韩师傅", "captain", &here, SpanMs(0)).await?;
    captain.offline()?;
    other.offline()?;
    let mut claimed = Vec::new();
    for building in 1..=6 {
        claimed.push(claim(&mut captain, building)?);
    }
    for building in 6..=9 {
        claimed.push(claim(&mut other, building)?);
    }
    captain.online().await?;
    other.online().await?;
    he.settle("收到十份认领，9 幢楼全部有人  ten claims came for nine buildings").await?;
    for claim in claimed {
        he.go_quietly(claim, "confirm")?;
    }
    he.settle("已确认；6 幢两人认领，先到者为主  confirmed; building 6 has two, the first leads").await?;
    Ok(vec![he, captain, other])
}

fn claim(captain: &mut Person, building: i64) -> Result<RecordId> {
    let fields = [("building", Value::from(building.to_string().as_str())), ("person", captain.id().as_str().into())];
    captain.create_quietly("liushui", "claim", &fields)
}

/// 违建: 85 places in 勤丰, from registration to verified demolition; two people report one of them apart.
pub(super) async fn illegal_structures(stage: &Stage) -> Result<Vec<Person>> {
    let here = ["qinfeng"];
    let mut group = stage.enrol("勤丰议事小组", "group", &here, SpanMs(0)).await?;
    let mut officer = stage.enrol("城管队员", "department", &here, SpanMs(0)).await?;
    let mut found = Vec::new();
    for number in 0..85 {
        let place = format!("{}幢{}单元{}室外", number / 9 + 1, number % 3 + 1, number % 9 * 100 + 101);
        found.push(group.create_quietly("qinfeng", "illegal_structure", &[("location", place.as_str())])?);
    }
    let twice = officer.create_quietly("qinfeng", "illegal_structure", &[("location", "1幢1单元101室外")])?;
    group.settle("登记 85 处历史遗留违建  85 places are registered").await?;
    officer.settle("收到  received").await?;
    found.push(twice);
    for structure in &found {
        for step in ["notify", "agree", "demolish", "verify"] {
            officer.go_quietly(*structure, step)?;
        }
    }
    officer.settle("85 处全部拆除核实，重复上报的一处只算一次  all 85 are gone; one was reported twice and counts once").await?;

    let builders = rectifications(stage, &mut group).await?;
    let mut people = vec![group, officer];
    people.extend(builders);
    Ok(people)
}

/// 改中: two faults that the residents' group finds in 勤丰, put right by the builders and looked at by the residents again.
async fn rectifications(stage: &Stage, group: &mut Person) -> Result<Vec<Person>> {
    let here = ["qinfeng"];
    let mut supervisor = stage.enrol("勤丰监理", "supervisor", &here, SpanMs(0)).await?;
    let mut contractor = stage.enrol("勤丰施工队", "contractor", &here, SpanMs(0)).await?;
    let stairs = group.create("qinfeng", "rectification", &[("item", "quality"), ("location", "4幢 楼道扶手")])?;
    group.put(stairs, "findings", None, &[("text", "扶手松动")])?;
    let trench = group.create("qinfeng", "rectification", &[("item", "safety"), ("location", "7幢 管沟无围挡")])?;
    group.settle("已提出  raised").await?;
    supervisor.settle("收到  received").await?;
    for fault in [stairs, trench] {
        supervisor.go(fault, "issue", None)?;
    }
    supervisor.settle("已下发  issued").await?;
    contractor.settle("收到  received").await?;
    for fault in [stairs, trench] {
        contractor.go(fault, "fix", None)?;
        contractor.go(fault, "submit", None)?;
    }
    contractor.settle("已整改，报请复核  put right").await?;
    group.settle("收到  received").await?;
    for fault in [stairs, trench] {
        group.go(fault, "verify", None)?;
    }
    group.settle("居民复核通过  the residents have looked again").await?;
    Ok(vec![supervisor, contractor])
}

/// 资源清单: nine resources of five partners in 贡院.
pub(super) async fn resources(stage: &Stage) -> Result<Vec<Person>> {
    let mut committee = stage.enrol("贡院居委会", "residents_committee", &["gongyuan"], SpanMs(0)).await?;
    let offers = [
        ("会议室", "杭州高级中学"),
        ("志愿讲堂", "杭州高级中学"),
        ("操场开放", "杭州高级中学"),
        ("丝绸文化展", "中国杭州丝绸城"),
        ("停车位共享", "中国杭州丝绸城"),
        ("便民义诊", "共建单位三"),
        ("法律咨询", "共建单位四"),
        ("维修工具", "共建单位五"),
        ("绿植认养", "共建单位五"),
    ];
    for (offer, owner) in offers {
        committee.create_quietly("gongyuan", "resource", &[("offer", offer), ("owner", owner)])?;
    }
    committee.settle("资源清单 9 项  nine resources are listed").await?;
    Ok(vec![committee])
}
