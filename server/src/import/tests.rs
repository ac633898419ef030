//! Rosters good and bad, against a district in memory.

use std::collections::BTreeSet;
use std::io::Write as _;

use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::PersonId;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use zip::write::SimpleFileOptions;

use super::*;
use crate::ingest::IngestError;
use crate::office::{self, Desk, Order};
use crate::store::{ALL, InviteRow, MemberRow, OrganisationRow, PersonRow, Read, dump};
use crate::testing::District;

const HEADINGS: &str = "姓名,小区,角色,代表方,单位,从,至,人员编号\n";

fn district() -> District {
    let mut district = District::new();
    district.community("desheng");
    district.community("liushui");
    district
}

fn planned(district: &District, text: &str) -> Plan {
    planned_from(district, &Sheet::read(text.as_bytes()).expect("a roster"))
}

fn planned_from(district: &District, sheet: &Sheet) -> Plan {
    let desk = Desk { store: district.ingest.store(), schema: district.ingest.schema(), now: district.now };
    plan(sheet, &desk, &Calendar::built_in()).expect("memory")
}

/// Takes orders as the command line does, and no more than so many.
struct Here<'a> {
    district: &'a mut District,
    patience: usize,
}

impl Clerk for Here<'_> {
    type Error = &'static str;

    fn take_all<O: Order>(&mut self, orders: Vec<O>) -> Result<Vec<O::Made>, Self::Error> {
        let mut take = |order: O| {
            self.patience = self.patience.checked_sub(1).ok_or("the light went out")?;
            let ingest = &self.district.ingest;
            let desk = Desk { store: ingest.store(), schema: ingest.schema(), now: self.district.now };
            let (command, made) = order.command(&desk).expect("it can be done");
            self.district.command(command).map_err(|error: IngestError| panic!("{error}")).map(|_| made)
        };
        orders.into_iter().map(&mut take).collect()
    }
}

fn carried(district: &mut District, plan: &Plan) -> Carried {
    carry_out(plan, None, &mut Here { district, patience: usize::MAX }, |_, _| {}).expect("it has all the patience")
}

fn all<R: crate::store::Row>(district: &District) -> Vec<R> {
    district.ingest.store().list(&[], None, ALL).expect("memory")
}

fn said(plan: &Plan) -> Vec<(u32, &'static str, &'static str)> {
    plan.problems.iter().map(|problem| (problem.row, problem.column.en(), problem.wrong.code())).collect()
}

#[test]
fn whatever_is_wrong_with_a_row_is_said_with_its_column_and_what_would_be_right() {
    let district = district();
    let long = format!("{},desheng,captain,,,,,", "陈".repeat(300));
    let long_name = format!("{},desheng,captain,,,,,", "陈".repeat(121));
    for (row, column, code, right) in [
        (",desheng,captain,,,,,", "name", "missing", "没有填写"),
        ("陈阿姨,,captain,,,,,", "community", "missing", "没有填写"),
        ("陈阿姨,desheng,,,,,,", "role", "missing", "没有填写"),
        (&long, "name", "unfit", "120"),
        (&long_name, "name", "unfit", "120"),
        ("陈\u{7}阿姨\",desheng,captain,,,,,", "", "", ""),
        ("陈阿姨,景芳,captain,,,,,", "community", "unknown_community", "desheng"),
        ("陈阿姨,desheng,队长,,,,,", "role", "unknown_role", "楼幢党员／志愿者（captain）"),
        ("陈阿姨,desheng,captain,民盟,,,,", "party", "unknown_party", "物业（property_manager）"),
        ("陈阿姨,desheng,captain,,,下周,,", "from", "no_day", "2026-12-01"),
        ("陈阿姨,desheng,captain,,,,2026-02-30,", "until", "no_day", "2026-12-01"),
        ("陈阿姨,desheng,captain,,,2026-12-02,2026-12-01,", "until", "ends_before_it_begins", "从"),
        ("陈阿姨,desheng,captain,,,,2020-01-01,", "until", "ends_before_it_begins", "从"),
        ("陈阿姨,desheng,captain,,,,,abc", "person", "unknown_person", "person list"),
        ("陈阿姨,desheng,captain,,,,,018bcfe5-6800-7707-8707-070707070707", "person", "unknown_person", "person list"),
    ] {
        let text = format!("{HEADINGS}{row}\n");
        let Ok(sheet) = Sheet::read(text.as_bytes()) else {
            assert_eq!(code, "", "{row}");
            continue;
        };
        let plan = planned_from(&district, &sheet);
        assert_eq!(said(&plan), [(2, column, code)], "{row}");
        assert!(plan.problems[0].wrong.zh().contains(right), "{}", plan.problems[0].wrong.zh());
        assert!(!plan.problems[0].wrong.en().is_empty());
        assert_eq!(plan.steps(), 0, "nothing comes of such a row");
    }
    let all_wrong = planned(&district, &format!("{HEADINGS},景芳,队长,,,x,,\n"));
    let columns: Vec<&str> = all_wrong.problems.iter().map(|problem| problem.column.en()).collect();
    assert_eq!(columns, ["name", "community", "role", "from"], "everything at once");
}

#[test]
fn words_are_understood_as_people_write_them() {
    let district = district();
    let text = "2026年德胜新村人员名册,,,,,\n\n 姓 名* ,小区名称,身份,所属方,单位（全称）,联系电话,备注\n\
                张　三,Desheng,志愿者,,,13800000000,组长\n李四,desheng,property_manager,物业,天水物业,,\n\
                John  Smith,liushui,小区管家,,天水物业,,\n";
    let plan = planned(&district, text);
    assert!(plan.problems.is_empty(), "{:?}", plan.problems);
    let names: Vec<&str> = plan.newcomers.iter().map(|newcomer| newcomer.name.as_str()).collect();
    assert_eq!(names, ["张三", "李四", "John Smith"]);
    let roles: Vec<&str> = plan.grants.iter().map(|grant| grant.role.as_str()).collect();
    assert_eq!(roles, ["captain", "property_manager", "property_manager"]);
    assert_eq!(plan.organisations, ["天水物业"], "once");
    assert_eq!((plan.telephones.join(""), plan.ignored.join("")), ("联系电话".into(), "备注".into()));
    assert_eq!(plan.grants[0].row, 4, "as the spreadsheet numbers it");
    assert!(!format!("{plan:?}").contains("13800000000"), "a telephone number is nobody's business");
}

/// A roster of some length, as cells.
fn roster() -> Vec<[&'static str; 7]> {
    vec![
        ["姓名", "小区", "角色", "单位", "从", "至", "手机"],
        ["赵建国", "desheng", "物业", "天水物业", "2026-01-01", "2027-06-30", "13900000000"],
        ["赵建国", "liushui", "物业", "天水物业", "", "", ""],
        ["王芳", "desheng", "居民", "", "", "", ""],
        ["王芳（3幢）", "desheng", "居民", "", "", "", ""],
        ["孙科长", "liushui", "街道旧改办", "天水街道", "", "2026/12/31", ""],
    ]
}

fn as_csv(cells: &[[&str; 7]]) -> String {
    cells.iter().map(|row| row.join(",") + "\r\n").collect()
}

/// The same as a workbook: days as days, behind a sheet of notes.
fn as_xlsx(cells: &[[&str; 7]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    workbook.add_worksheet().write(0, 0, "填表说明").expect("a cell");
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = workbook.add_worksheet();
    for (row, cells) in (0..).zip(cells) {
        for (column, cell) in (0..).zip(cells) {
            match ExcelDateTime::parse_from_str(&cell.replace('/', "-")) {
                Ok(date) if cell.len() == 10 => sheet.write_with_format(row, column, &date, &day).expect("a day"),
                _ => sheet.write(row, column, *cell).expect("a cell"),
            };
        }
    }
    workbook.save_to_buffer().expect("memory")
}

#[test]
fn a_workbook_and_text_in_either_encoding_come_to_the_same() {
    let district = district();
    let text = as_csv(&roster());
    let plan = planned(&district, &text);
    assert!(plan.problems.is_empty() && plan.newcomers.len() == 4 && plan.grants.len() == 5, "{plan:?}");
    let (gb18030, _, _) = encoding_rs::GB18030.encode(&text);
    assert!(std::str::from_utf8(&gb18030).is_err(), "it is no UTF-8");
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let with_mark = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let tabbed = text.replace(',', "\t").into_bytes();
    for (what, bytes) in [
        ("GB18030", gb18030.into_owned()),
        ("marked", with_mark),
        ("UTF-16", utf16),
        ("tabs", tabbed),
        ("XLSX", as_xlsx(&roster())),
    ] {
        let read = Sheet::read(&bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(planned_from(&district, &read), plan, "{what}");
    }
}

#[test]
fn a_roster_is_carried_out_once_however_often_it_is_brought() {
    let mut district = district();
    let text = as_csv(&roster());
    let first = planned(&district, &text);
    let mut steps = Vec::new();
    let mut here = Here { district: &mut district, patience: usize::MAX };
    let made = carry_out(&first, Some(24), &mut here, |done, all| steps.push((done, all))).expect("patience");
    assert_eq!((made.organisations, made.people, made.roles, made.codes.len()), (2, 4, 5, 4));
    assert_eq!(steps.last(), Some(&(15, 15)), "{steps:?}");
    assert_eq!(all::<InviteRow>(&district).len(), 4);
    let held: Vec<MemberRow> = all(&district);
    let zhao: BTreeSet<PersonId> =
        held.iter().filter(|row| row.role.as_str() == "property_manager").map(|row| row.person).collect();
    assert_eq!((held.len(), zhao.len()), (5, 1), "one person, two communities");
    let until = Calendar::built_in().end_of_day("2027-06-30");
    assert!(held.iter().any(|row| row.until == until), "the last day is held to its end");

    let before = dump(district.ingest.store()).expect("memory");
    let again = planned(&district, &text);
    assert!(again.problems.is_empty(), "{:?}", again.problems);
    assert_eq!((again.steps(), again.there.len()), (0, 5));
    carried(&mut district, &again);
    assert_eq!(dump(district.ingest.store()).expect("memory"), before);
}

#[test]
fn an_import_that_was_cut_short_goes_on_where_it_was() {
    let text = as_csv(&roster());
    let whole = {
        let mut district = district();
        let plan = planned(&district, &text);
        carried(&mut district, &plan);
        (all::<PersonRow>(&district).len(), all::<MemberRow>(&district).len(), all::<OrganisationRow>(&district).len())
    };
    for patience in 0..11 {
        let mut district = district();
        let plan = planned(&district, &text);
        carry_out(&plan, None, &mut Here { district: &mut district, patience }, |_, _| {}).expect_err("it was cut short");
        let rest = planned(&district, &text);
        assert!(rest.problems.is_empty(), "after {patience}: {:?}", rest.problems);
        carried(&mut district, &rest);
        let people: Vec<PersonRow> = all(&district);
        assert_eq!((people.len(), all::<MemberRow>(&district).len(), all::<OrganisationRow>(&district).len()), whole);
    }
}

#[test]
fn names_alone_tell_nobody_apart() {
    let mut district = district();
    let head = "姓名,小区,角色,单位,人员编号\n";
    let plan = planned(&district, &format!("{head}王芳,desheng,居民,,\n李芳,desheng,居民,天水物业,\n"));
    carried(&mut district, &plan);
    let wang = all::<PersonRow>(&district).into_iter().find(|person| person.name == "王芳").expect("she was added").id;
    for (rows, expected) in [
        // Known by name alone.
        ("王芳,liushui,居民,,\n".to_owned(), vec![(2, "name", "known_name")]),
        ("王芳,desheng,居民,别的单位,\n".to_owned(), vec![(2, "name", "known_name")]),
        (format!("王芳,liushui,居民,,{wang}\n"), vec![]),
        (format!("王小芳,liushui,居民,,{wang}\n"), vec![(2, "person", "other_name")]),
        // Twice in the file.
        ("周明,desheng,居民,,\n周明,liushui,居民,,\n".to_owned(), vec![(3, "name", "same_name")]),
        ("周明,desheng,居民,,\n周明,liushui,居民,天水物业,\n".to_owned(), vec![(3, "name", "same_name")]),
        ("周明,desheng,居民,甲,\n周明,liushui,居民,乙,\n".to_owned(), vec![]),
        ("周明,desheng,居民,,\n周明,desheng,居民,,\n".to_owned(), vec![]),
        // The row that is known tells who the other is.
        ("李芳,desheng,居民,天水物业,\n李芳,liushui,居民,天水物业,\n".to_owned(), vec![]),
    ] {
        let plan = planned(&district, &format!("{head}{rows}"));
        assert_eq!(said(&plan), expected, "{rows}");
    }
    let same = planned(&district, &format!("{head}周明,desheng,居民,,\n周明,desheng,居民,,\n"));
    assert_eq!((same.newcomers.len(), same.there[0].row, same.there[0].same_as), (1, 3, Some(2)));
    let two = planned(&district, &format!("{head}周明,desheng,居民,甲,\n周明,liushui,居民,乙,\n"));
    assert_eq!(two.newcomers.len(), 2, "their organisations tell them apart");
    let li = planned(&district, &format!("{head}李芳,desheng,居民,天水物业,\n李芳,liushui,居民,天水物业,\n"));
    assert_eq!((li.newcomers.len(), li.there.len(), li.grants.len()), (0, 1, 1));
}

#[test]
fn the_same_role_for_another_time_is_asked_about() {
    let mut district = district();
    let head = "姓名,小区,角色,从,至\n";
    let first = planned(&district, &format!("{head}陈阿姨,desheng,captain,2026-01-01,2027-01-01\n"));
    carried(&mut district, &first);
    for (row, code) in [
        ("陈阿姨,desheng,captain,2026-01-01,2027-01-01", None),
        ("陈阿姨,desheng,captain,,", None),
        ("陈阿姨,desheng,captain,,2028-01-01", Some("other_time")),
        ("陈阿姨,desheng,captain,2025-01-01,", Some("other_time")),
    ] {
        let plan = planned(&district, &format!("{head}{row}\n"));
        assert_eq!(plan.problems.first().map(|problem| problem.wrong.code()), code, "{row}");
        assert_eq!(plan.steps(), 0, "{row}");
    }
    let twice = planned(&district, &format!("{head}刘叔,desheng,captain,,\n刘叔,desheng,captain,,2028-01-01\n"));
    assert_eq!(said(&twice), [(3, "until", "other_time_than")]);
}

#[test]
fn a_community_that_is_full_takes_no_more() {
    let mut district = district();
    let rows: String = (0..renolog_protocol::limits::MEMBERS).map(|n| format!("居民{n},desheng,居民\n")).collect();
    let full = planned(&district, &format!("姓名,小区,角色\n{rows}多一人,desheng,居民\n邻居,liushui,居民\n"));
    let row = u32::try_from(renolog_protocol::limits::MEMBERS).expect("small") + 2;
    assert_eq!(said(&full), [(row, "community", "full")]);
    let made = carried(&mut district, &full);
    assert_eq!(made.people, renolog_protocol::limits::MEMBERS + 1, "the neighbour, too");
}

fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        archive.start_file(*name, SimpleFileOptions::default()).expect("memory");
        archive.write_all(bytes).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}

#[test]
fn a_file_that_is_no_roster_is_refused_with_its_reason() {
    let good = as_xlsx(&roster());
    let nothing = vec![b' '; UNPACKED_BYTES / 2 + 1];
    let bomb = zipped(&[("xl/worksheets/sheet1.xml", &nothing), ("xl/worksheets/sheet2.xml", &nothing)]);
    assert!(bomb.len() < FILE_BYTES, "it is a small file");
    let parts: Vec<(String, &[u8])> = (0..=PARTS).map(|n| (format!("{n}"), &b""[..])).collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let claims = zipped(&[("xl/sharedStrings.xml", br#"<sst uniqueCount = "99999999999999"><si><t>x</t></si></sst>"#)]);
    let too_many: String = (0..=ROWS).map(|n| format!("甲{n},desheng,居民\n")).collect();
    let late = format!("{}姓名,小区,角色\n", "说明\n".repeat(10));
    for (what, bytes, expected) in [
        ("nothing", Vec::new(), "no_headings"),
        ("too large", vec![b'a'; FILE_BYTES + 1], "too_large"),
        ("a bomb", bomb, "unpacks"),
        ("a crowd of parts", zipped(&parts), "unpacks"),
        ("a claim", claims, "damaged"),
        ("an archive of something else", zipped(&[("readme.txt", b"hello")]), "damaged"),
        ("a locked workbook", [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..], &[0; 600]].concat(), "locked"),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "encoding or damaged"),
        ("noise", (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(), "encoding or damaged"),
        ("a letter", "各位邻居，大家好。\n".into(), "no_headings"),
        ("headings too late", late.into_bytes(), "no_headings"),
        ("no role", "姓名,小区,单位\n陈阿姨,desheng,\n".into(), "no_column"),
        ("name twice", "姓名,小区,角色,名字\n".into(), "twice"),
        ("a novel", format!("姓名,小区,角色\n{too_many}").into_bytes(), "too_many"),
    ] {
        let error = Sheet::read(&bytes).expect_err(what);
        let kind = match &error {
            SheetError::TooLarge => "too_large",
            SheetError::UnpacksTooLarge => "unpacks",
            SheetError::TooManyRows => "too_many",
            SheetError::Locked => "locked",
            SheetError::Damaged(_) | SheetError::Encoding if expected == "encoding or damaged" => "encoding or damaged",
            SheetError::Damaged(_) => "damaged",
            SheetError::Encoding => "encoding",
            SheetError::NoHeadings => "no_headings",
            SheetError::NoColumn(_) => "no_column",
            SheetError::Twice(_) => "twice",
        };
        assert_eq!(kind, expected, "{what}: {error}");
    }
    let district = district();
    let plan = planned_from(&district, &Sheet::read(&good).expect("it is good"));
    for end in (0..good.len()).step_by(7) {
        if let Ok(sheet) = Sheet::read(&good[..end]) {
            assert_eq!(planned_from(&district, &sheet), plan, "cut at {end}: all of it or nothing");
        }
    }
    let mut flipped = good.clone();
    for at in (0..good.len()).step_by(11) {
        flipped[at] ^= 0x20;
        drop(Sheet::read(&flipped));
        flipped[at] ^= 0x20;
    }
}

#[test]
fn what_a_plan_comes_to_are_ordinary_orders() {
    let mut district = district();
    let plan = planned(&district, "姓名,小区,角色,单位\n陈阿姨,desheng,captain,德胜社区\n");
    carried(&mut district, &plan);
    let deeds = crate::roll::whole(|page| crate::roll::audit(district.ingest.store(), page)).expect("memory");
    let last: Vec<&str> = deeds.iter().rev().take(3).map(|deed| deed.action.as_str()).collect();
    assert_eq!(last, ["role_given", "person_set", "organisation_set"]);
    assert!(!office::is_office(&plan.grants[0].role));
}
