//! The container's checksum (CRC-32), and what it can do besides: say which single byte was altered.

/// The table of CRC-32 as zip files use it.
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut value, mut bit) = (byte as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// Which entry of the table has this highest byte; no two share it.
const BY_HIGHEST: [u8; 256] = by_highest();

const fn by_highest() -> [u8; 256] {
    let mut entries = [0; 256];
    let mut entry = 0;
    while entry < 256 {
        entries[(TABLE[entry] >> 24) as usize] = entry as u8;
        entry += 1;
    }
    entries
}

/// CRC-32 of some bytes.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)])
}

/// Every way to come to the checksum `expected` by altering one byte: its place, and what it would be. The checksum is
/// linear, so the difference of two tells the place: at the right distance from the end it is the table's own entry.
pub(super) fn single_bytes(bytes: &[u8], expected: u32) -> Vec<(usize, u8)> {
    let mut found = Vec::new();
    let mut difference = crc32(bytes) ^ expected;
    for (place, byte) in bytes.iter().enumerate().rev() {
        let entry = BY_HIGHEST[(difference >> 24) as usize];
        let value = TABLE[usize::from(entry)];
        if entry != 0 && value == difference {
            found.push((place, byte ^ entry));
        }
        difference = ((difference ^ value) << 8) | u32::from(entry);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!((crc32(b"123456789"), crc32(b"")), (0xcbf4_3926, 0));
    }

    #[test]
    fn one_altered_byte_is_found_wherever_it_stands() {
        let intact: Vec<u8> = (0..3_000u32).map(|n| (n * n % 251) as u8).collect();
        let expected = crc32(&intact);
        for place in [0, 1, 2, 3, 777, 2_996, 2_997, 2_998, 2_999] {
            for flip in [1u8, 0x80, 0xff] {
                let mut altered = intact.clone();
                altered[place] ^= flip;
                assert!(single_bytes(&altered, expected).contains(&(place, intact[place])), "{place}, {flip}");
            }
        }
        assert_eq!(single_bytes(&intact, expected), [], "nothing was altered");
    }
}
