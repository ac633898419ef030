//! Bytes as digits: hashes in hexadecimal, drawn names in base 32. Written out here, because a crate that knows every alphabet
//! comes to more than all of this module's users in the core that a phone downloads.

const HEX: &[u8; 16] = b"0123456789abcdef";
/// RFC 4648, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |number: u8| char::from(HEX[usize::from(number & 15)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

/// The bytes again; only from lower case, so that nothing has two spellings.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks();
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// Eight characters: five bits each, the highest first.
pub(crate) fn base32(bytes: [u8; 5]) -> String {
    let number = bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    (0..8).rev().map(|place| char::from(BASE32[(number >> (5 * place) & 31) as usize])).collect()
}

/// The five bytes again.
pub(crate) fn unbase32(text: &str) -> Option<[u8; 5]> {
    let digits: &[u8; 8] = text.as_bytes().try_into().ok()?;
    let mut number = 0;
    for digit in digits {
        let five = match digit {
            b'a'..=b'z' => digit - b'a',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        number = number << 5 | u64::from(five);
    }
    let [_, _, _, bytes @ ..] = u64::to_be_bytes(number);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_spelled_as_elsewhere_and_read_again() {
        for seed in 0..=255_u8 {
            let bytes = [seed, seed.wrapping_mul(7), !seed, seed.rotate_left(3), seed ^ 0x5a];
            let (ours, names) = (hex(&bytes), base32(bytes));
            assert_eq!(ours, data_encoding::HEXLOWER.encode(&bytes));
            assert_eq!(names, data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase());
            assert_eq!((unhex(&ours), unbase32(&names)), (Some(bytes.to_vec()), Some(bytes)));
        }
        assert_eq!((hex(&[]), unhex("")), (String::new(), Some(Vec::new())));
    }

    #[test]
    fn there_is_one_spelling() {
        for text in ["0", "0A", "AA", "0g", "é", "+1", " 1"] {
            assert_eq!(unhex(text), None, "{text}");
        }
        for text in ["", "aaaaaaa", "aaaaaaaaa", "Aaaaaaaa", "aaaaaaa1", "aaaaaaa8", "aaaaaaé"] {
            assert_eq!(unbase32(text), None, "{text}");
        }
    }
}
