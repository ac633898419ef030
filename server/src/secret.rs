//! One-time codes and bearer tokens. The store keeps their hashes only.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use sha2::{Digest, Sha256};

/// Bytes from the operating system.
///
/// # Panics
/// If the operating system has no randomness to give: nothing secret could be made then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A new one-time code, as people type it: `K7QM-2XPA-9TZC-4WFN`, 80 bits.
pub fn new_code() -> String {
    let text = BASE32_NOPAD.encode(&random::<10>());
    let groups: Vec<&str> = (0..4).map(|n| &text[n * 4..n * 4 + 4]).collect();
    groups.join("-")
}

/// A new bearer token, 256 bits.
pub fn new_token() -> String {
    BASE64URL_NOPAD.encode(&random::<32>())
}

/// What the store knows a code by. Case, spaces and dashes do not matter to people, and so not here.
pub fn code_hash(code: &str) -> Vec<u8> {
    let plain: String = code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect();
    Sha256::digest(plain.as_bytes()).to_vec()
}

/// What the store knows a token by.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = new_code();
        assert_eq!(code.len(), 19);
        assert_eq!(code_hash(&code), code_hash(&code.to_lowercase().replace('-', " ")));
        assert_ne!(code_hash(&code), code_hash(&new_code()));
    }
}
