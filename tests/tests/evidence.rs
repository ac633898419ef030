//! Evidence: a bundle holds what was said and who signed it, and whatever is altered in it is found, by file and byte.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use renolog_protocol::id::{Audience, FeedId, RecordId};
use renolog_protocol::schema::{Role, Schema};
use renolog_server::command::{Command, Erase, Settle};
use renolog_server::evidence::{self, Checked, Fault, Files, Finding, NotGathered, Question, bundle, pack, unpack, verify};
use renolog_server::ingest::Ingest;
use renolog_server::store::{ALL, ChangeRow, Column, CommunityRow, Fate, FeedRow, Memory, Read};
use renolog_tests::names::Names;
use renolog_tests::play::Play;
use renolog_tests::rich::a_rich_log;
use renolog_tests::story::{Told, tell};
use renolog_tests::world::World;
use sha2::{Digest, Sha256};

fn told() -> (World, Told) {
    let mut world = World::new(70);
    let told = tell(&mut world);
    (world, told)
}

fn made(world: &World, question: &Question) -> Vec<u8> {
    bundle(world.store(), &Schema::built_in(), question, &mut |_, _| {}).unwrap()
}

fn whole(world: &World, told: &Told) -> Vec<u8> {
    made(world, &Question::whole(told.desheng))
}

fn files_of(bytes: &[u8]) -> Files {
    unpack(bytes).unwrap().files
}

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

fn checked(bytes: &[u8]) -> Checked {
    verify(bytes, &[]).unwrap_or_else(|finding| panic!("{finding}"))
}

fn feed_row(world: &World, feed: FeedId) -> FeedRow {
    world.store().get(&[feed.to_cell()]).unwrap().unwrap()
}

/// The same bundle with some of its files altered, and a manifest that says so.
fn forged(bytes: &[u8], alter: impl Fn(&mut Files)) -> Vec<u8> {
    let mut files = files_of(bytes);
    alter(&mut files);
    let mut manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let mut text = text(&files, "manifest.json");
    for listed in manifest["files"].as_array_mut().unwrap() {
        let (name, before) = (listed["name"].as_str().unwrap(), listed["sha256"].as_str().unwrap());
        if let Some(bytes) = files.get(name) {
            let now = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
            let size = |size: u64| format!("\"size_bytes\": {size},\n      \"sha256\": ");
            let old = format!("{}\"{before}\"", size(listed["size_bytes"].as_u64().unwrap()));
            assert!(text.contains(&old), "{old}");
            text = text.replace(&old, &format!("{}\"{now}\"", size(bytes.len() as u64)));
        }
    }
    files.insert("manifest.json".into(), text.into_bytes());
    pack(&files)
}

fn found(bytes: &[u8]) -> Finding {
    verify(bytes, &[]).expect_err("it was altered")
}

/// Replaces what stands once in a file.
fn replace(files: &mut Files, name: &str, was: &str, is: &str) {
    let before = text(files, name);
    assert!(before.contains(was), "{was} in {name}");
    files.insert(name.into(), before.replacen(was, is, 1).into_bytes());
}

/// The lines of a list, without its brackets.
fn lines(files: &Files, name: &str) -> Vec<String> {
    let text = text(files, name);
    text.trim_matches(['[', ']', '\n']).split(",\n").map(str::to_owned).collect()
}

fn put_lines(files: &mut Files, name: &str, lines: &[String]) {
    files.insert(name.into(), format!("[\n{}\n]\n", lines.join(",\n")).into_bytes());
}

/// Where a line and a part of it begin in a list.
fn offset_of(files: &Files, name: &str, line: usize, part: &str) -> u64 {
    let (text, line) = (text(files, name), lines(files, name)[line].clone());
    let start = text.find(&line).unwrap();
    (start + text[start..].find(part).unwrap()) as u64
}

#[test]
fn a_whole_community_stands_in_one_file() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    assert_eq!(bytes, whole(&world, &told), "the same question, the same bytes");
    let checked = checked(&bytes);
    let rows: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
    assert_eq!(checked.changes, rows.iter().filter(|row| matches!(row.fate, Fate::Accepted | Fate::Refused)).count());
    assert_eq!(checked.refused, 1);
    for span in &checked.spans {
        let feed = FeedId { community: told.desheng, audience: span.audience };
        match world.store().get::<FeedRow>(&[feed.to_cell()]).unwrap() {
            Some(row) => assert_eq!((span.seq, span.link, span.entries as u64), (row.head, row.link, row.head.0)),
            None => assert_eq!(span.entries, 0),
        }
    }
    let files = files_of(&bytes);
    let page = text(&files, "timeline.html");
    for words in ["五楼也在漏", "划线后仍有纠纷", "superseded", "conflicts", "carried by another device", "陈阿姨", "李主任"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("<script"), "no script");
    assert!(files["timeline.csv"].starts_with("\u{feff}".as_bytes()), "so that Excel reads it as UTF-8");
    let records: Vec<serde_json::Value> = serde_json::from_slice(&files["records.json"]).unwrap();
    for record in records {
        let id: RecordId = record["record"]["id"].as_str().unwrap().parse().unwrap();
        let row: renolog_server::store::RecordRow = world.store().get(&[id.to_cell()]).unwrap().unwrap();
        assert_eq!(record["record"], serde_json::from_str::<serde_json::Value>(&row.view).unwrap(), "as the server has it");
    }
}

#[test]
fn it_reads_the_same_each_time() {
    let (world, told) = told();
    let files = files_of(&made(&world, &Question { record: Some(told.leak), ..Question::whole(told.desheng) }));
    let mut names = Names::new();
    names.call(told.leak, "leak");
    names.call(told.desheng, "desheng");
    let mut shown = |name: &str| {
        let text = text(&files, name).replace(['\u{feff}', '\r'], "");
        names.hide_text(&text)
    };
    insta::assert_snapshot!("evidence_readme", shown("README.txt"));
    insta::assert_snapshot!("evidence_timeline_csv", shown("timeline.csv"));
    insta::assert_snapshot!("evidence_timeline_html", shown("timeline.html"));
}

#[test]
fn one_record_brings_the_links_around_it_and_nobody_elses_words() {
    let (world, told) = told();
    let bytes = made(&world, &Question { record: Some(told.leak), ..Question::whole(told.desheng) });
    let checked = checked(&bytes);
    let open = feed_row(&world, FeedId { community: told.desheng, audience: Audience::Open });
    assert_eq!(checked.spans.len(), 1);
    assert_eq!((checked.spans[0].seq, checked.spans[0].link), (open.head, open.link), "up to the head that devices hold");
    let of_leak: Vec<ChangeRow> = world.store().list_by(ChangeRow::BY_RECORD, &[told.leak.to_cell()], None, ALL).unwrap();
    assert_eq!(checked.changes, of_leak.len());
    assert!(checked.spans[0].entries > of_leak.iter().filter(|row| row.fate == Fate::Accepted).count(), "others' links, too");
    let held = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(held("五楼也在漏"));
    for words in ["堆了两辆电动车", "楼道堆物", "停车位"] {
        assert!(!held(words), "{words}");
    }
    let nobody = Question { record: Some(RecordId([7; 16])), ..Question::whole(told.desheng) };
    let refused = bundle(world.store(), &Schema::built_in(), &nobody, &mut |_, _| {});
    assert!(matches!(refused, Err(NotGathered::NoRecord(_))), "{refused:?}");
    let closed = Question { audiences: [Audience::Open].into(), record: Some(told.parking), ..Question::whole(told.desheng) };
    assert!(matches!(bundle(world.store(), &Schema::built_in(), &closed, &mut |_, _| {}), Err(NotGathered::NoRecord(_))));
}

#[test]
fn a_period_shows_what_came_in_it_and_records_as_they_stood_then() {
    let (world, told) = told();
    let day = |text: &str| Some(text.parse::<evidence::Day>().unwrap());
    let question = |from, to| Question { from, to, ..Question::whole(told.desheng) };
    let first = made(&world, &question(None, day("2026-03-02")));
    let rest = made(&world, &question(day("2026-03-03"), None));
    let all = whole(&world, &told);
    let [first, rest, all] = [first, rest, all].map(|bytes| {
        checked(&bytes);
        files_of(&bytes)
    });
    let count = |files: &Files| text(files, "timeline.csv").matches("\r\n").count() - 1;
    assert_eq!(count(&first) + count(&rest), count(&all), "each line in one of them");
    assert!(count(&first) > 0 && count(&rest) > 0);
    assert!(!text(&first, "timeline.html").contains("五楼也在漏") && text(&rest, "timeline.html").contains("五楼也在漏"));
    let state = |files: &Files, record: RecordId| {
        let records: Vec<serde_json::Value> = serde_json::from_slice(&files["records.json"]).unwrap();
        let found = records.into_iter().find(|one| one["record"]["id"] == record.to_string());
        found.map(|one| one["record"]["moves"].as_array().unwrap().len())
    };
    assert!(state(&first, told.parking) < state(&all, told.parking), "as it stood then");
    assert_eq!(state(&rest, told.parking), state(&all, told.parking), "from its beginning, which lies before the period");
    let never = question(day("2026-03-09"), day("2026-03-08"));
    assert!(matches!(bundle(world.store(), &Schema::built_in(), &never, &mut |_, _| {}), Err(NotGathered::NoPeriod)));
    checked(&made(&world, &question(day("2020-01-01"), day("2020-01-02"))));
}

#[test]
fn whatever_happens_in_a_world_its_evidence_holds() {
    for seed in [4, 5, 6, 7] {
        let world = Play::of(seed, 120);
        let community = world.store().list::<CommunityRow>(&[], None, ALL).unwrap()[0].id;
        let bytes = made(&world, &Question::whole(community));
        assert!(checked(&bytes).changes > 20, "seed {seed}");
        let rows: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
        for row in rows.iter().step_by(17) {
            checked(&made(&world, &Question { record: Some(row.record), ..Question::whole(community) }));
        }
    }
}

#[test]
fn evidence_holds_of_everything_that_a_log_can_hold() {
    let (log, _) = a_rich_log();
    let mut ingest = Ingest::new(Memory::new(), Schema::built_in()).unwrap();
    log.iter().for_each(|stamped| drop(ingest.apply(stamped)));
    let store = ingest.store();
    let community = store.list::<CommunityRow>(&[], None, ALL).unwrap()[0].id;
    let made = |question: &Question| bundle(store, &Schema::built_in(), question, &mut |_, _| {}).unwrap();
    let whole = made(&Question::whole(community));
    checked(&whole);
    let page = text(&files_of(&whole), "timeline.html");
    for words in ["then released", "dismissed by", "erased the record"] {
        assert!(page.contains(words), "{words}");
    }
    let rows: Vec<ChangeRow> = store.list(&[], None, ALL).unwrap();
    let records: BTreeSet<RecordId> = rows.iter().map(|row| row.record).collect();
    for record in records {
        checked(&made(&Question { record: Some(record), ..Question::whole(community) }));
    }
}

#[test]
fn any_program_that_reads_zip_files_reads_it() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    let files = files_of(&bytes);
    assert_eq!(archive.len(), files.len());
    for (name, expected) in &files {
        let mut found = Vec::new();
        std::io::Read::read_to_end(&mut archive.by_name(name).unwrap(), &mut found).unwrap();
        assert!(found == *expected, "{name}");
    }
}

/// Where each file's bytes stand in a container.
fn places(bytes: &[u8], files: &Files) -> BTreeMap<String, Range<usize>> {
    let mut at = 0;
    let mut places = BTreeMap::new();
    for (name, content) in files {
        let begins = at + 30 + name.len();
        at = begins + content.len();
        assert!(bytes[begins..at] == content[..], "{name}");
        places.insert(name.clone(), begins..at);
    }
    places
}

#[test]
fn one_flipped_byte_anywhere_is_found_and_named() {
    let (world, told) = told();
    let bytes = made(&world, &Question { record: Some(told.leak), ..Question::whole(told.desheng) });
    let places = places(&bytes, &files_of(&bytes));
    let headers: Vec<usize> = (0..bytes.len()).filter(|at| !places.values().any(|range| range.contains(at))).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    println!("seed 11");
    let mut flips: Vec<usize> = (0..300).map(|_| rng.next_u64() as usize % bytes.len()).collect();
    flips.extend((0..150).map(|_| headers[rng.next_u64() as usize % headers.len()]));
    flips.extend(places.values().flat_map(|range| [range.start, range.end - 1]));
    flips.extend(bytes.len() - 22..bytes.len());
    for at in flips {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (rng.next_u64() % 8);
        let finding = found(&flipped);
        let expected = Fault::Byte { expected: Some(bytes[at]), found: Some(flipped[at]) };
        assert_eq!(finding.fault, expected, "byte {at}: {finding}");
        match places.iter().find(|(_, range)| range.contains(&at)) {
            Some((name, range)) => {
                assert_eq!(
                    (finding.file.as_ref(), finding.offset),
                    (Some(name), (at - range.start) as u64),
                    "byte {at}: {finding}"
                );
            }
            None => assert_eq!((finding.file.as_ref(), finding.offset), (None, at as u64), "byte {at}: {finding}"),
        }
    }
}

#[test]
fn a_file_that_was_cut_or_lengthened_is_found() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    for len in [0, 1, 29, 100, bytes.len() / 2, bytes.len() - 30, bytes.len() - 1] {
        found(&bytes[..len]);
    }
    let longer = [&bytes[..], b"PS"].concat();
    assert_eq!((found(&longer).file, found(&longer).offset), (None, bytes.len() as u64));
    assert_eq!(found(b"not a zip file at all").fault, Fault::NotABundle);
}

#[test]
fn a_change_of_someone_else_in_the_place_of_another_is_found() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    let mut names: Vec<String> = files_of(&bytes).into_keys().filter(|name| name.starts_with("changes/")).collect();
    names.truncate(2);
    let swapped = forged(&bytes, |files| {
        let other = files[&names[1]].clone();
        files.insert(names[0].clone(), other);
    });
    let finding = found(&swapped);
    let other = names[1].trim_start_matches("changes/").parse().unwrap();
    assert_eq!((finding.file, finding.offset, finding.fault), (Some(names[0].clone()), 0, Fault::AnotherChange(other)));
}

const OPEN: &str = "entries/open.json";

#[test]
fn an_entry_that_is_missing_or_moved_is_found() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    let before = lines(&files_of(&bytes), OPEN);
    let dropped = forged(&bytes, |files| {
        put_lines(files, OPEN, &[&before[..2], &before[3..]].concat());
    });
    let finding = found(&dropped);
    assert!(matches!(finding.fault, Fault::Gap { expected, found } if (expected.0, found.0) == (3, 4)), "{finding}");
    assert_eq!(finding.offset, offset_of(&files_of(&dropped), OPEN, 2, "\"seq\""));

    let moved = |renumbered: bool| {
        forged(&bytes, |files| {
            let mut lines = before.clone();
            lines.swap(1, 2);
            if renumbered {
                lines[1] = lines[1].replace("\"seq\":3,", "\"seq\":2,");
                lines[2] = lines[2].replace("\"seq\":2,", "\"seq\":3,");
            }
            put_lines(files, OPEN, &lines);
        })
    };
    assert!(matches!(found(&moved(false)).fault, Fault::Gap { .. }));
    let finding = found(&moved(true));
    assert!(matches!(finding.fault, Fault::Link { seq, .. } if seq.0 == 2), "{finding}");
    assert_eq!((finding.file.as_deref(), finding.offset), (Some(OPEN), offset_of(&files_of(&moved(true)), OPEN, 1, "\"link\"")));
}

#[test]
fn what_the_server_says_of_an_entry_cannot_be_altered_alone() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    let before = lines(&files_of(&bytes), OPEN);
    let role = forged(&bytes, |files| {
        let mut lines = before.clone();
        lines[0] = lines[0].replace("\"role\":\"captain\"", "\"role\":\"street\"");
        put_lines(files, OPEN, &lines);
    });
    assert!(matches!(found(&role).fault, Fault::Link { .. }), "the chain covers it");
    let record = forged(&bytes, |files| {
        let mut lines = before.clone();
        lines[0] = lines[0].replace(&told.leak.to_string(), &told.parking.to_string());
        put_lines(files, OPEN, &lines);
    });
    assert!(matches!(found(&record).fault, Fault::NotSigned(_)), "the signature covers it: {}", found(&record));
}

#[test]
fn a_page_that_says_something_else_is_found() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    for name in ["timeline.html", "timeline.csv", "records.json", "README.txt"] {
        let (was, is) = if name == "README.txt" { ("证据包", "证明书") } else { ("屋面", "地面") };
        let offset = text(&files_of(&bytes), name).find(was).unwrap();
        let bent = |files: &mut Files| replace(files, name, was, is);
        let mut in_place = files_of(&bytes);
        bent(&mut in_place);
        for altered in [forged(&bytes, bent), pack(&in_place)] {
            let finding = found(&altered);
            assert!(matches!(finding.fault, Fault::Byte { .. }), "{finding}");
            assert_eq!(finding.file.as_deref(), Some(name));
            assert!((offset as u64..offset as u64 + was.len() as u64).contains(&finding.offset), "{finding}");
        }
    }
}

#[test]
fn a_signature_or_key_that_is_not_the_devices_is_found() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    let batches = lines(&files_of(&bytes), "batches.json");
    let signature = |line: &str| line.split("\"signature\":\"").nth(1).unwrap()[..128].to_owned();
    let bent = forged(&bytes, |files| replace(files, "batches.json", &signature(&batches[1]), &signature(&batches[0])));
    let finding = found(&bent);
    assert!(matches!(finding.fault, Fault::Signature(_)), "{finding}");
    assert_eq!(finding.file.as_deref(), Some("batches.json"));
    assert_eq!(finding.offset, offset_of(&files_of(&bent), "batches.json", 1, "\"signature\""));

    let keys = lines(&files_of(&bytes), "keys.json");
    let key = |line: &str| line.split("\"public_key\":\"").nth(1).unwrap()[..64].to_owned();
    let other_key = forged(&bytes, |files| replace(files, "keys.json", &key(&keys[0]), &key(&keys[1])));
    assert!(matches!(found(&other_key).fault, Fault::Signature(_)));
    let person = |line: &str| line.split("\"person\":\"").nth(1).unwrap()[..36].to_owned();
    let other_person = forged(&bytes, |files| replace(files, "keys.json", &person(&keys[0]), &person(&keys[1])));
    assert!(matches!(found(&other_person).fault, Fault::AnotherPerson(_)));
    let later = forged(&bytes, |files| {
        let was = batches[0].split("\"device_time\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
        replace(files, "batches.json", &format!("\"device_time\":{was}"), "\"device_time\":1");
    });
    assert!(matches!(found(&later).fault, Fault::Signature(_)), "when it was signed is signed");
}

#[test]
fn what_is_added_or_taken_away_is_found() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    let with = |alter: &dyn Fn(&mut Files)| {
        let mut files = files_of(&bytes);
        alter(&mut files);
        found(&pack(&files))
    };
    assert_eq!(with(&|files| drop(files.insert("note.txt".into(), b"!".to_vec()))).fault, Fault::Unlisted);
    let taken = with(&|files| drop(files.remove("timeline.csv")));
    assert_eq!((taken.file.as_deref(), taken.fault), (Some("timeline.csv"), Fault::Missing));
    let nameless = found(&forged(&bytes, |files| {
        let kept = lines(files, "people.json")[1..].to_vec();
        put_lines(files, "people.json", &kept);
    }));
    assert!(matches!(nameless.file.as_deref(), Some("timeline.csv" | "timeline.html")), "{nameless}");
}

#[test]
fn a_head_that_a_device_holds_is_found_in_the_chain_or_not() {
    let (world, told) = told();
    let bytes = whole(&world, &told);
    let open = feed_row(&world, FeedId { community: told.desheng, audience: Audience::Open });
    let held = format!("open:{}", open.link).parse().unwrap();
    assert_eq!(verify(&bytes, &[held]).unwrap().heads, [(held, open.head)]);
    let foreign = format!("open:{}", "5f".repeat(32)).parse().unwrap();
    assert!(matches!(verify(&bytes, &[held, foreign]).unwrap_err().fault, Fault::ForeignHead(_)));
    assert!("open".parse::<evidence::Head>().is_err() && "all:00".parse::<evidence::Head>().is_err());
}

#[test]
fn what_was_erased_leaves_hash_person_and_reason_and_no_words() {
    let (mut world, told) = told();
    let words = "堆了两辆电动车";
    let rows: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
    let is_it = |row: &&ChangeRow| row.bytes.windows(words.len()).any(|window| window == words.as_bytes());
    let row = rows.iter().find(is_it).unwrap();
    let holds = |bytes: &[u8], words: &str| bytes.windows(words.len()).any(|window| window == words.as_bytes());
    assert!(holds(&whole(&world, &told), words), "what is looked for can be found");
    let erase =
        Erase { record: row.record, role: Role::parse("district").unwrap(), reason: "涉及住户隐私".into(), remains: None };
    world.operate(Command::Erase(erase)).unwrap();
    for question in [Question::whole(told.desheng), Question { record: Some(row.record), ..Question::whole(told.desheng) }] {
        let bytes = made(&world, &question);
        checked(&bytes);
        assert!(!holds(&bytes, words) && !holds(&bytes, "楼道堆物"));
        for kept in [row.hash.to_string().as_str(), "涉及住户隐私"] {
            assert!(holds(&bytes, kept), "{kept}");
        }
    }
}

#[test]
fn what_was_refused_and_what_became_of_it_is_told() {
    let (mut world, told) = told();
    let rows: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
    let refused = rows.into_iter().find(|row| row.fate == Fate::Refused).unwrap();
    let page = |world: &World| text(&files_of(&whole(world, &told)), "timeline.html");
    assert!(page(&world).contains("class=\"x\""), "marked");
    let settle = |release| {
        let role = Role::parse("street").unwrap();
        Command::Settle(Settle { change: refused.hash, release, role, reason: "经核实无误".into() })
    };
    world.operate(settle(true)).unwrap();
    let after = page(&world);
    assert!(after.contains("经核实无误") && after.contains("then released") && !after.contains("class=\"x\""));
    checked(&whole(&world, &told));
}
