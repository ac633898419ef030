//! A change chunk from anyone is taken or turned away; what is taken has the name that its bytes have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use renolog_protocol::change::Change;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(change) = Change::parse(bytes) {
        assert_eq!(change.hash(), Change::name_of(bytes));
        assert_eq!(change.bytes(), bytes);
    }
});
