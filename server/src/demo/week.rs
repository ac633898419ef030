//! What happens in the week.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use renolog_protocol::schema::Value;
use renolog_protocol::time::{SpanMs, UnixMs};

use super::communities::{COMMUNITIES, Published};
use super::person::{Person, Stage};
use super::steps;
use crate::app::App;
use crate::clock::{Clock, MovedClock};
use crate::office::NewCommunity;

/// Everyone with their devices, as the week left them.
#[derive(Debug)]
pub(super) struct Week {
    pub(super) people: Vec<Person>,
}

/// Monday to Sunday, by day and hour in China.
struct Calendar {
    monday: UnixMs,
    clock: MovedClock,
}

const DAYS: [&str; 7] = ["周一 Mon", "周二 Tue", "周三 Wed", "周四 Thu", "周五 Fri", "周六 Sat", "周日 Sun"];

impl Calendar {
    /// The last whole week before now.
    fn new(clock: &MovedClock) -> Self {
        const DAY: i64 = 86_400_000;
        const CHINA: i64 = 8 * 3_600_000;
        // 1970-01-01 was a Thursday; its week began three days before.
        let days = (clock.now().0 + CHINA).div_euclid(DAY) + 3;
        let monday = (days - days.rem_euclid(7) - 7 - 3) * DAY - CHINA;
        Self { monday: UnixMs(monday), clock: clock.clone() }
    }

    fn it_is(&self, day: usize, hour: i64, minute: i64) {
        let since = SpanMs::from_secs(((day as i64 * 24 + hour) * 60 + minute) * 60);
        self.clock.jump_to(self.monday + since);
        println!("\n── {} {hour:02}:{minute:02}", DAYS[day]);
    }
}

/// Plays it.
pub(super) async fn play(app: &App, clock: &MovedClock, server: SocketAddr, devices: &Path) -> Result<Week> {
    let calendar = Calendar::new(clock);
    let stage = Stage { app: app.clone(), server, devices: devices.to_owned(), clock: clock.clone() };

    calendar.it_is(0, 8, 0);
    for published in &COMMUNITIES {
        let asked = NewCommunity { slug: published.slug.into(), name: published.name.into() };
        app.take(None, asked).await?;
    }
    let everywhere: Vec<&str> = COMMUNITIES.iter().map(|community| community.slug).collect();
    let here = ["desheng"];
    let mut street = stage.enrol("街道旧改办", "street", &everywhere, SpanMs(0)).await?;
    for published in &COMMUNITIES {
        load(&mut street, published)?;
    }
    street.settle("五个小区的公开数字已入库  the published figures of five communities are in").await?;

    // A clock a little slow and one half a day fast: ordinary phones.
    let mut chen = stage.enrol("陈阿姨", "captain", &here, SpanMs::from_secs(-180)).await?;
    let mut zhang = stage.enrol("张师傅", "property_manager", &here, SpanMs(0)).await?;
    let mut li = stage.enrol("李主任", "owners_committee", &here, SpanMs::from_secs(12 * 3600)).await?;
    let mut wang = stage.enrol("王书记", "residents_committee", &here, SpanMs(0)).await?;
    let mut zhao = stage.enrol("赵专员", "specialist", &here, SpanMs(0)).await?;
    let mut sun = stage.enrol("孙监理", "supervisor", &here, SpanMs(0)).await?;
    let mut zhou = stage.enrol("周工", "contractor", &here, SpanMs(0)).await?;
    let mut qian = stage.enrol("钱科长", "department", &here, SpanMs(0)).await?;

    calendar.it_is(0, 9, 30);
    let shed = wang.create("desheng", "matter", &[("subject", "电动自行车充电棚设在12幢北侧还是小区东门？")])?;
    wang.go(shed, "discuss", None)?;
    wang.settle("三方事项已发起  a three-party matter is opened").await?;
    for member in [&mut zhang, &mut li] {
        member.settle("收到  received").await?;
    }

    calendar.it_is(1, 9, 0);
    for walker in [&mut chen, &mut zhang, &mut li] {
        walker.offline()?;
    }
    let passage = chen.create("desheng", "rectification", &[("item", "safety"), ("location", "3幢2单元 消防通道")])?;
    chen.put(passage, "findings", None, &[("text", "堆放杂物，通道只剩半米")])?;
    let leak = chen.create("desheng", "rectification", &[("item", "quality"), ("location", "12幢 顶楼")])?;
    chen.put(leak, "findings", None, &[("text", "屋面渗水，502室天花板有水渍")])?;
    chen.note(leak, "住户希望雨季前修好")?;

    calendar.it_is(1, 14, 20);
    let cable = zhang.create("desheng", "rectification", &[("item", "safety"), ("location", "地下车库 B区")])?;
    zhang.put(cable, "findings", None, &[("text", "临时电缆拖在积水里")])?;
    zhang.put(shed, "opinions", None, &[("text", "建议设在东门，便于管理")])?;

    calendar.it_is(1, 19, 40);
    li.put(shed, "opinions", None, &[("text", "业主多数希望靠近12幢")])?;
    let scaffold = li.create("desheng", "rectification", &[("item", "progress"), ("location", "21幢 脚手架")])?;
    li.put(scaffold, "findings", None, &[("text", "脚手架搭了三周没有动工")])?;

    calendar.it_is(2, 10, 0);
    let whistle = zhao.create("desheng", "whistle", &[("need", "沿街店铺占用施工通道"), ("urgency", "urgent")])?;
    zhao.settle("已吹哨  the whistle is blown").await?;
    street.settle("收到哨声  heard").await?;
    street.go(whistle, "dispatch", None)?;
    street.put(whistle, "departments", Some("综合执法"), &[("contact", "大关中队")])?;
    street.settle("已派单  dispatched").await?;
    qian.settle("收到派单  received").await?;
    qian.go(whistle, "report_in", None)?;
    qian.settle("已报到  reported in").await?;

    let sewer = zhao.create("desheng", "whistle", &[("need", "7幢污水管返水"), ("urgency", "normal")])?;
    zhao.settle("已吹哨  the whistle is blown").await?;

    calendar.it_is(2, 16, 0);
    // Four hours have passed and nobody was sent: it is overdue, and goes up a step.
    street.settle("7幢的哨超过 4 小时未派单  the whistle for building 7 is four hours old and nobody was sent").await?;
    street.go(sewer, "escalate", Some("超过 4 小时未派单，升级督办"))?;
    street.settle("已升级  escalated").await?;

    calendar.it_is(3, 11, 30);
    // A link that breaks in the middle of the first push, and again in the middle of the next.
    chen.online_over_a_bad_link(&[420, 470]).await?;
    zhang.online_over_a_bad_link(&[420]).await?;
    sun.settle("收到新整改单  new rectifications came").await?;
    sun.go(passage, "issue", None)?;
    sun.go(cable, "issue", None)?;
    sun.settle("已下发  issued").await?;
    zhou.settle("收到  received").await?;
    zhou.go(passage, "fix", None)?;
    zhou.settle("开始整改  fixing").await?;

    calendar.it_is(4, 8, 50);
    for member in [&mut chen, &mut zhang, &mut zhou, &mut sun] {
        member.settle("收到  received").await?;
        member.offline()?;
    }
    // Apart from each other: two say where the leak is, the contractor reports while the supervisor stops the work, and the
    // two parties close the matter differently.
    chen.set(leak, "location", "12幢 顶楼 502室天沟")?;
    zhang.set(leak, "location", "12幢 顶楼 501室女儿墙")?;
    zhou.go(passage, "submit", None)?;
    sun.go(passage, "stop_work", Some("清运车堵住了消防车道"))?;
    zhang.go(shed, "agree", None)?;
    zhang.note(shed, "东门方案，物业负责管理")?;

    calendar.it_is(4, 16, 10);
    li.go(shed, "disagree", Some("业主群里反对声音多，需要再议"))?;
    qian.go(whistle, "act", None)?;
    qian.go(whistle, "finish", None)?;
    qian.settle("通道已清理  the passage is cleared").await?;

    calendar.it_is(5, 9, 15);
    li.online_over_a_bad_link(&[440]).await?;
    for member in [&mut zhou, &mut sun, &mut chen, &mut zhang] {
        member.online().await?;
    }

    calendar.it_is(6, 20, 0);
    zhao.settle("收到  received").await?;
    zhao.go(whistle, "check", None)?;
    zhao.settle("已核查  checked").await?;
    street.settle("收到  received").await?;
    street.go(whistle, "close", None)?;
    street.settle("已结案  closed").await?;

    println!("\n── 同一周，区内其他小区  the same week, elsewhere in the district");
    let mut people = steps::before_works(&stage, &mut street).await?;
    people.extend(steps::claims(&stage).await?);
    people.extend(steps::illegal_structures(&stage).await?);
    people.extend(steps::resources(&stage).await?);
    people.extend([street, chen, zhang, li, wang, zhao, sun, zhou, qian]);
    for person in &mut people {
        person.settle("全部收齐  has everything").await?;
    }
    Ok(Week { people })
}

/// A community as published, written by the street's own device.
fn load(street: &mut Person, published: &Published) -> Result<()> {
    let mut fields: Vec<(&str, Value)> = vec![("name", published.name.into()), ("area_m2", published.area_m2.into())];
    fields.extend(published.street.map(|name| ("street", name.into())));
    for (field, figure) in [("built", published.built), ("households", published.households), ("residents", published.residents)]
    {
        fields.extend(figure.map(|figure| (field, figure.into())));
    }
    let record = street.create(published.slug, "community", &fields)?;
    for number in 1..=published.buildings {
        let name = format!("{number}幢");
        street.put_quietly(record, "buildings", Some(&number.to_string()), &[("name", name.as_str())])?;
    }
    for (name, year) in published.awards {
        street.put_quietly(record, "awards", None, &[("name", Value::from(*name)), ("year", Value::from(*year))])?;
    }
    street.go(record, "start", None)?;
    Ok(())
}
