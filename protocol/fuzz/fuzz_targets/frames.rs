//! Whatever a peer sends gets an answer; what is taken as a frame is written again as one that means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use renolog_protocol::wire::{Frame, split};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frames) = split(bytes) {
        assert_eq!(frames.concat(), bytes);
    }
    if let Ok(frame) = Frame::decode(bytes) {
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }
});
