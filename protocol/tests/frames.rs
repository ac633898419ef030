//! Bytes that are no frame: each gets a typed error, and none a panic.

use data_encoding::HEXLOWER;
use minicbor::Encoder;
use proptest::prelude::*;
use renolog_protocol::limits;
use renolog_protocol::wire::{BadFrame, Frame};

use crate::golden::goldens;

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

#[test]
fn a_frame_too_long_is_not_looked_at() {
    let long = vec![0xff; limits::FRAME_BYTES + 1];
    assert_eq!(Frame::decode(&long), Err(BadFrame::TooLong(limits::FRAME_BYTES + 1)));
    assert!(matches!(Frame::decode(&long[1..]), Err(BadFrame::Malformed(_))));
}

#[test]
fn a_frame_cut_anywhere_is_malformed() {
    for (name, golden) in goldens() {
        for end in 0..golden.len() {
            let cut = Frame::decode(&golden[..end]);
            assert!(matches!(cut, Err(BadFrame::Malformed(_))), "{name} cut to {end} bytes: {cut:?}");
        }
    }
}

#[test]
fn nothing_follows_a_frame() {
    for (name, mut golden) in goldens() {
        golden.extend([0, 0, 0]);
        assert_eq!(Frame::decode(&golden), Err(BadFrame::Trailing(3)), "{name}");
    }
}

#[test]
fn bytes_of_another_shape_are_malformed() {
    for (what, bytes) in [
        ("nothing", ""),
        ("a number", "05"),
        ("an array of one", "8105"),
        ("an array of three", "8305a1000500"),
        ("an array without a length", "9f05a10005ff"),
        ("a kind below zero", "8220a10005"),
        ("a kind over 32 bits", "821b0000000100000000a0"),
        ("a body that is a list", "82058105"),
        ("a missing key", "8205a0"),
        ("a number where an id belongs", "8203a10082050 0"),
        ("an id of 15 bytes", "8203a100824f11111111111111111111111111111100"),
        ("an id of 17 bytes", "8203a10082511111111111111111111111111111111100"),
        ("an audience that is not there", "8203a10082501111111111111111111111111111111103"),
        ("text that is not UTF-8", "8215a10062c328"),
        ("a map that says it has 2^64-1 keys", "8205bbffffffffffffffff0005"),
        ("text that says it has 2^63 bytes", "8215a1007b8000000000000000"),
        ("bytes that say they have 2^63", "8203a100825b8000000000000000"),
        ("a reserved length", "8205a1001c"),
        ("a break where a value belongs", "8205a100ff"),
    ] {
        let decoded = Frame::decode(&hex(&bytes.replace(' ', "")));
        assert!(matches!(decoded, Err(BadFrame::Malformed(_))), "{what}: {decoded:?}");
    }
}

/// Every list of every frame, by the bytes before it, its bound, and one item that fits.
fn lists() -> Vec<(&'static str, String, usize, String)> {
    let id = "50019b77b6620071018101010101010101";
    let hash = format!("5820{}", "03".repeat(32));
    let feed = format!("82{id}00");
    let visit = format!("86{id}{id}617261700000");
    vec![
        ("feeds of hello", format!("8200a70001010102{id}0301040005"), limits::FEEDS, format!("83{feed}0000")),
        ("rosters of hello", format!("8200a70001010102{id}03010400058006"), limits::FEEDS, format!("82{id}00")),
        ("changes of a push", format!("8201a100a600{id}010002{feed}030004"), limits::BATCH_CHANGES, format!("82{id}40")),
        (
            "what a push does not bring",
            format!("8201a100a700{id}010002{feed}03000480055840{}06", "00".repeat(64)),
            limits::BATCH_CHANGES,
            format!("8300{id}{hash}"),
        ),
        ("feeds of welcome", "8210a6000101000200030104".into(), limits::FEEDS, format!("82{feed}00")),
        ("rulings of a receipt", format!("8211a600{id}010002"), limits::BATCH_CHANGES, format!("82{hash}820380")),
        ("what a change waits for", format!("8211a600{id}0100028182{hash}820281"), limits::CHANGE_DEPS, hash.clone()),
        ("visits of items", format!("8212a600{feed}0100020003"), limits::PAGE_ITEMS, visit),
        ("items of items", format!("8212a600{feed}01000200038004"), limits::PAGE_ITEMS, format!("840100{id}820181{hash}")),
        (
            "members",
            format!("8213a300{id}01616102a2000101"),
            limits::MEMBERS,
            format!("a500{id}01616102617203617004 00").replace(' ', ""),
        ),
        ("communities of a short hello", "8207a60001010002010300040105".into(), limits::FEEDS, format!("82{id}80")),
        ("feeds of one", format!("8207a600010100020103000401058182{id}"), 3, "00".into()),
        ("feeds of a short welcome", "82181da2000003".into(), limits::FEEDS, "00".into()),
        ("runs of a short receipt", "82181ea3000001".into(), limits::BATCH_CHANGES, "8201820380".into()),
        ("feeds of grants", "821818a100".into(), limits::FEEDS, format!("82{feed}00")),
    ]
}

/// The bytes before a list, its length as it says, and so many items; then what the frame still lacks.
fn with_list(before: &str, says: u64, item: &str, items: usize) -> Vec<u8> {
    let mut bytes = hex(before);
    Encoder::new(&mut bytes).array(says).unwrap();
    bytes.extend(hex(item).repeat(items));
    bytes
}

fn error_of(bytes: &[u8]) -> String {
    match Frame::decode(bytes) {
        Err(BadFrame::Malformed(words)) => words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lists_are_bounded_before_they_are_read() {
    for (what, before, max, item) in lists() {
        // As many as may be: read to its end, where the rest of the frame may be missing but the list is not at fault.
        match Frame::decode(&with_list(&before, max as u64, &item, max)) {
            Ok(_) => {}
            Err(BadFrame::Malformed(words)) => assert!(words.contains("end of input"), "{what}: {words}"),
            Err(other) => panic!("{what}: {other}"),
        }
        let over = error_of(&with_list(&before, max as u64 + 1, &item, max + 1));
        assert!(over.contains("over its bound"), "{what}: {over}");
        for huge in [u64::from(u32::MAX), u64::MAX] {
            let words = error_of(&with_list(&before, huge, &item, 1));
            assert!(words.contains("over its bound"), "{what} of {huge}: {words}");
        }
        // A length within bounds that the bytes cannot hold.
        assert!(error_of(&with_list(&before, max as u64, &item, 1)).contains("end of input"), "{what}");

        let mut endless = hex(&before);
        endless.push(0x9f);
        endless.extend(hex(&item));
        endless.push(0xff);
        assert!(error_of(&endless).contains("lists have a length here"), "{what}");
    }
}

#[test]
fn nesting_under_an_unknown_key_or_kind_does_not_exhaust_the_stack() {
    for opening in [0x81, 0x9f, 0xc1, 0xd8] {
        let mut under_key = hex("8205a2000509");
        let mut under_kind = hex("821863");
        for bytes in [&mut under_key, &mut under_kind] {
            while bytes.len() < limits::FRAME_BYTES - 2 {
                bytes.push(opening);
                if opening == 0xd8 {
                    bytes.push(0x20);
                }
            }
            // Cut off or closed by a number: an error or a frame, but an answer.
            assert!(Frame::decode(bytes).is_err());
            bytes.push(0);
            let _ = Frame::decode(bytes);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Frame::decode(&bytes);
    }

    /// What is taken is written again as a frame that means the same.
    #[test]
    fn damaged_frames_get_an_answer(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let goldens = goldens();
        let mut bytes = goldens.values().nth(which.index(goldens.len())).unwrap().clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(frame) = Frame::decode(&bytes) {
            prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }
}
