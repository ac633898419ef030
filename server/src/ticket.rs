//! What opens a device's connections: tokens that the server can check without having kept them, and the challenge that a
//! device signs when its token has run out.
//!
//! A token names its device and is good for a week; while a device connects now and then it is given a new one over the
//! connection, so that a reconnect costs no round trip. It proves nothing but that: what is written must be signed by the
//! device's key, and whether the device may still connect is asked of the store each time. A token also says when its device
//! last proved that it has its key, and is not renewed for longer than a month after: whoever has stolen one cannot make it
//! last. The key under which tokens are made stays in the data directory, apart from the database: a backup opens no door.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use renolog_protocol::id::DeviceId;
use renolog_protocol::time::{SpanMs, UnixMs};
use sha2::Sha256;

/// How long a token is good for. A phone that was in a drawer for longer signs in again, which takes one more request.
pub const GOOD_FOR: SpanMs = SpanMs::from_secs(7 * 86_400);
/// A token older than this is replaced when its device connects.
pub const RENEW_AFTER: SpanMs = SpanMs::from_secs(86_400);
/// How long after its device last answered with its key a token is renewed; then the device signs in again, which takes one
/// more request.
pub const RENEWED_FOR: SpanMs = SpanMs::from_secs(30 * 86_400);
/// How long a device may take to answer a challenge.
const CHALLENGE_FOR: SpanMs = SpanMs::from_secs(120);

/// What a token's seal is for. The number grows with what is in it: older tokens are then none, and devices sign in again.
const TOKEN: &[u8] = b"renolog token 2";

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
    /// When the device last proved that it has its key.
    pub proved: UnixMs,
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

    /// From when on its device is given another; never, if its key must be asked first.
    pub fn renewed_at(&self) -> Option<UnixMs> {
        let due = self.made + RENEW_AFTER;
        (due < self.proved + RENEWED_FOR).then_some(due)
    }

    fn is_renewable_at(&self, now: UnixMs) -> bool {
        self.renewed_at().is_some_and(|due| due < now) && now < self.proved + RENEWED_FOR
    }
}

impl Tickets {
    /// Under this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// A token for a device that has just proved that it has its key.
    pub fn token(&self, device: DeviceId, now: UnixMs) -> String {
        self.write(Ticket { device, made: now, proved: now })
    }

    /// The token that follows this one, if it is time for it; see the module.
    pub fn renewed(&self, ticket: Ticket, now: UnixMs) -> Option<String> {
        ticket.is_renewable_at(now).then(|| self.write(Ticket { made: now, ..ticket }))
    }

    fn write(&self, ticket: Ticket) -> String {
        let Ticket { device, made, proved } = ticket;
        self.seal(TOKEN, &[&device.as_bytes()[..], &made.0.to_be_bytes(), &proved.0.to_be_bytes()].concat())
    }

    /// The token that this is, whether or not it is still good; `None` if it was not made here.
    pub fn read(&self, token: &str) -> Option<Ticket> {
        let body = self.unseal(TOKEN, token)?;
        let (device, moments) = body.split_at_checked(16)?;
        let (made, proved) = moments.split_at_checked(8)?;
        let moment = |bytes: &[u8]| Some(UnixMs(i64::from_be_bytes(bytes.try_into().ok()?)));
        Some(Ticket { device: DeviceId::from_slice(device)?, made: moment(made)?, proved: moment(proved)? })
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
        BASE64URL_NOPAD.encode(&[body, &tag[..]].concat())
    }

    fn unseal(&self, purpose: &[u8], text: &str) -> Option<Vec<u8>> {
        let mut body = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let tag = body.split_off(body.len().checked_sub(32)?);
        self.mac(purpose, &body).verify_slice(&tag).ok()?;
        Some(body)
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
    fn a_token_is_renewed_daily_for_a_month_after_the_key_was_asked() {
        let (tickets, day) = (Tickets::new([1; 32]), RENEW_AFTER);
        let first = tickets.read(&tickets.token(DeviceId([7; 16]), NOW)).expect("made here");
        assert_eq!(tickets.renewed(first, NOW + day), None, "not yet");
        let (mut held, mut now) = (first, NOW);
        while let Some(next) = tickets.renewed(held, now + day + SpanMs(1)) {
            now = now + day + SpanMs(1);
            held = tickets.read(&next).expect("made here");
            assert_eq!((held.device, held.made, held.proved), (first.device, now, first.proved));
        }
        assert!((NOW + SpanMs(29 * day.0)..NOW + RENEWED_FOR).contains(&now), "{now:?}");
        assert!(!held.is_good_at(NOW + RENEWED_FOR + GOOD_FOR), "whoever stole the first is out by then");
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
