//! What opens a device's connections: tokens that the server can check without having kept them, and the challenge that a
//! device signs when its token has run out.
//!
//! A token names its device and is good for a week; while a device connects now and then it is given a new one over the
//! connection, so that a reconnect costs no round trip. It proves nothing but that: what is written must be signed by the
//! device's key, and whether the device may still connect is asked of the store each time. The key under which tokens are
//! made stays in the data directory, apart from the database: a backup opens no door.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use renolog_protocol::id::DeviceId;
use renolog_protocol::time::{SpanMs, UnixMs};
use sha2::Sha256;

/// How long a token is good for. A phone that was in a drawer for longer signs in again, which takes one more request.
pub const GOOD_FOR: SpanMs = SpanMs::from_secs(7 * 86_400);
/// A token older than this is replaced when its device connects.
pub const RENEW_AFTER: SpanMs = SpanMs::from_secs(86_400);
/// Bytes of the code that shows that a token was made here: 128 bits are not guessed, and a token travels with each connection.
const TAG: usize = 16;
/// The same of tokens of an earlier build, which are good until they run out.
const LONG_TAG: usize = 32;
/// How long a device may take to answer a challenge.
const CHALLENGE_FOR: SpanMs = SpanMs::from_secs(120);

/// Makes and checks tokens and challenges.
pub struct Tickets([u8; 32]);

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

/// A token that was made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Whose.
    pub device: DeviceId,
    /// When it was made.
    pub made: UnixMs,
}

impl Ticket {
    /// Until when it is good.
    pub fn expires(&self) -> UnixMs {
        self.made + GOOD_FOR
    }

    /// Whether it is still good at this moment. One that was made later than now is as good as any: clocks are set back.
    pub fn is_good_at(&self, now: UnixMs) -> bool {
        now < self.expires()
    }

    /// Whether its device is to be given another.
    pub fn is_stale_at(&self, now: UnixMs) -> bool {
        self.made + RENEW_AFTER < now
    }
}

impl Tickets {
    /// Under this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// A token for a device.
    pub fn token(&self, device: DeviceId, now: UnixMs) -> String {
        let made = now.0.to_be_bytes();
        // The first two bytes say nothing until the year 10889.
        self.seal(b"renolog token 1", &[device.as_bytes(), made.strip_prefix(&[0, 0]).unwrap_or(&made)].concat())
    }

    /// The token that this is, whether or not it is still good; `None` if it was not made here.
    pub fn read(&self, token: &str) -> Option<Ticket> {
        let body = self.unseal(b"renolog token 1", token)?;
        let (device, said) = body.split_at_checked(16)?;
        let mut made = [0; 8];
        made[8_usize.checked_sub(said.len())?..].copy_from_slice(said);
        Some(Ticket { device: DeviceId::from_slice(device)?, made: UnixMs(i64::from_be_bytes(made)) })
    }

    /// Something to sign, for whoever asks.
    pub fn challenge(&self, now: UnixMs, drawn: [u8; 16]) -> String {
        self.seal(b"renolog challenge 1", &[&now.0.to_be_bytes()[..], &drawn].concat())
    }

    /// Whether this was given to someone to sign, lately.
    pub fn asked(&self, challenge: &str, now: UnixMs) -> bool {
        let given = || {
            let body = self.unseal(b"renolog challenge 1", challenge)?;
            Some(UnixMs(i64::from_be_bytes(body.get(..8)?.try_into().ok()?)))
        };
        given().is_some_and(|given| given <= now && now < given + CHALLENGE_FOR)
    }

    fn mac(&self, purpose: &[u8], body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length is a key");
        mac.update(purpose);
        mac.update(body);
        mac
    }

    fn seal(&self, purpose: &[u8], body: &[u8]) -> String {
        let tag = self.mac(purpose, body).finalize().into_bytes();
        BASE64URL_NOPAD.encode(&[body, &tag[..TAG]].concat())
    }

    fn unseal(&self, purpose: &[u8], text: &str) -> Option<Vec<u8>> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let fits = |length: &usize| {
            let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(*length)?)?;
            self.mac(purpose, body).verify_truncated_left(tag).ok()?;
            Some(body.to_vec())
        };
        [TAG, LONG_TAG].iter().find_map(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_793_581_200_000);

    #[test]
    fn a_token_is_good_for_a_week_and_from_no_other_hand() {
        let (tickets, device) = (Tickets::new([1; 32]), DeviceId([7; 16]));
        let token = tickets.token(device, NOW);
        let ticket = tickets.read(&token).expect("made here");
        assert_eq!((ticket.device, ticket.made), (device, NOW));
        assert!(ticket.is_good_at(NOW + SpanMs(GOOD_FOR.0 - 1)) && !ticket.is_good_at(NOW + GOOD_FOR));
        assert_eq!(Tickets::new([2; 32]).read(&token), None);
        for position in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(tickets.read(&String::from_utf8(altered).expect("ascii")), None, "{position}");
        }
    }

    #[test]
    fn a_token_of_an_earlier_build_is_good_until_it_runs_out() {
        let tickets = Tickets::new([1; 32]);
        let body = [DeviceId([7; 16]).as_bytes(), &NOW.0.to_be_bytes()].concat();
        let tag = tickets.mac(b"renolog token 1", &body).finalize().into_bytes();
        let ticket = tickets.read(&BASE64URL_NOPAD.encode(&[&body[..], &tag[..]].concat()));
        assert_eq!(ticket, Some(Ticket { device: DeviceId([7; 16]), made: NOW }));
        assert_eq!(tickets.token(DeviceId([7; 16]), NOW).len(), 51);
    }

    #[test]
    fn a_challenge_is_answered_soon_and_is_no_token() {
        let tickets = Tickets::new([1; 32]);
        let challenge = tickets.challenge(NOW, [3; 16]);
        assert!(tickets.asked(&challenge, NOW) && !tickets.asked(&challenge, NOW + CHALLENGE_FOR));
        assert!(!tickets.asked(&tickets.token(DeviceId([0; 16]), NOW), NOW));
        assert_eq!(tickets.read(&challenge), None);
    }
}
