//! An invitation as it is handed on: a link that a person was sent, or the server and the code they were told.

use std::str::FromStr;

/// Longest link that is looked at: a server's address and a code have a fraction of that.
const LINK_CHARS: usize = 2_000;
/// Longest code.
const CODE_CHARS: usize = 64;

/// Where to enrol, and with which one-time code.
///
/// A link is `{server}/enrol#{code}`: what follows the `#` is never sent by a browser, so the code reaches no log.
///
/// ```
/// use renolog_client_core::Invitation;
///
/// let invitation: Invitation = "https://log.example.cn/enrol#K7QM-2XPA-9TZC-4WFN".parse()?;
/// assert_eq!(invitation.server, "https://log.example.cn");
/// assert_eq!(invitation.code, "K7QM-2XPA-9TZC-4WFN");
/// # Ok::<(), renolog_client_core::BadInvitation>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The server's address.
    pub server: String,
    /// The one-time code. A secret until it is used.
    pub code: String,
}

/// Why something is no invitation. Whoever typed or pasted it can help it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadInvitation {
    /// No link, or an endless one.
    #[error("这不是邀请链接 this is no invitation link: it looks like https://SERVER/enrol#CODE")]
    NoLink,
    /// The address names no server.
    #[error("链接里没有服务器地址 no server is named: it looks like https://SERVER/enrol#CODE")]
    NoServer,
    /// A link to something else.
    #[error("这个链接不是邀请 this link leads elsewhere: an invitation looks like https://SERVER/enrol#CODE")]
    Elsewhere,
    /// The code was cut off; or none was given with a server's address.
    #[error("缺少邀请码，链接可能不完整 the code is missing; the link may have been cut short: #CODE is its end")]
    NoCode,
    /// What stands in the code's place cannot be one.
    #[error("邀请码有误，只含字母、数字和短横 this cannot be a code: it has letters, digits and dashes only")]
    BadCode,
}

/// The code is not shown.
impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Invitation {
    /// What a person gives who enrols: a link alone, or a server and a code.
    ///
    /// # Errors
    /// [`BadInvitation`].
    pub fn given(link_or_server: &str, code: Option<&str>) -> Result<Self, BadInvitation> {
        let given = link_or_server.trim();
        match code {
            None => given.parse(),
            Some(code) => {
                let server = server(given).ok_or(BadInvitation::NoServer)?;
                Ok(Self { server: server.to_owned(), code: good_code(code)? })
            }
        }
    }
}

impl FromStr for Invitation {
    type Err = BadInvitation;

    fn from_str(link: &str) -> Result<Self, BadInvitation> {
        let link = link.trim();
        if link.chars().count() > LINK_CHARS || !link.contains("://") {
            return Err(BadInvitation::NoLink);
        }
        let (page, code) = link.split_once('#').map_or((link, None), |(page, code)| (page, Some(code)));
        let base = page.trim_end_matches('/').strip_suffix("/enrol").ok_or(BadInvitation::Elsewhere)?;
        let server = server(base).ok_or(BadInvitation::NoServer)?.to_owned();
        Ok(Self { server, code: good_code(code.ok_or(BadInvitation::NoCode)?)? })
    }
}

/// An address of the web or of a feed that names a server, without the slash at its end.
fn server(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next()?;
    let of_ours = ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    // Whoever stands before an @ is not the server, only made to look like it.
    let names_one = !host.is_empty() && !host.starts_with(':') && !host.contains('@');
    let plain = !rest.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\'));
    (of_ours && names_one && plain).then(|| address.trim_end_matches('/'))
}

fn good_code(code: &str) -> Result<String, BadInvitation> {
    let code = code.trim();
    if code.is_empty() {
        return Err(BadInvitation::NoCode);
    }
    let fits = code.chars().count() <= CODE_CHARS && code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ' '));
    let says_something = code.chars().any(|c| c.is_ascii_alphanumeric());
    if fits && says_something { Ok(code.to_owned()) } else { Err(BadInvitation::BadCode) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_or_said_to_be_wrong() {
        use BadInvitation::{BadCode, Elsewhere, NoCode, NoLink, NoServer};
        let long = format!("https://a.cn/enrol#{}", "A".repeat(3000));
        let long_code = format!("https://a.cn/enrol#{}", "A".repeat(65));
        for (link, read) in [
            ("https://a.cn/enrol#K7QM-2XPA", Ok(("https://a.cn", "K7QM-2XPA"))),
            ("  https://a.cn/enrol#k7qm2xpa\n", Ok(("https://a.cn", "k7qm2xpa"))),
            ("http://127.0.0.1:7340/enrol#A", Ok(("http://127.0.0.1:7340", "A"))),
            ("http://[::1]:7340/enrol#A", Ok(("http://[::1]:7340", "A"))),
            ("https://a.cn/renolog/enrol#A", Ok(("https://a.cn/renolog", "A"))),
            ("https://a.cn/enrol/#A", Ok(("https://a.cn", "A"))),
            ("HTTPS://a.cn/enrol#A", Ok(("HTTPS://a.cn", "A"))),
            ("", Err(NoLink)),
            ("K7QM-2XPA", Err(NoLink)),
            ("a.cn/enrol#A", Err(NoLink)),
            (&long, Err(NoLink)),
            ("https:///enrol#A", Err(NoServer)),
            ("https://:443/enrol#A", Err(NoServer)),
            ("ftp://a.cn/enrol#A", Err(NoServer)),
            ("https://a.cn@b.cn/enrol#A", Err(NoServer)),
            ("https://a.cn?x=/enrol#A", Err(NoServer)),
            ("https://a.cn\\b/enrol#A", Err(NoServer)),
            ("https://a.cn /enrol#A", Err(NoServer)),
            ("https://a.cn/#A", Err(Elsewhere)),
            ("https://a.cn/enrolment#A", Err(Elsewhere)),
            ("https://a.cn/enrol", Err(NoCode)),
            ("https://a.cn/enrol#", Err(NoCode)),
            ("https://a.cn/enrol#  ", Err(NoCode)),
            ("https://a.cn/enrol#---", Err(BadCode)),
            ("https://a.cn/enrol#AB#CD", Err(BadCode)),
            ("https://a.cn/enrol#邀请码", Err(BadCode)),
            ("https://a.cn/enrol#%41", Err(BadCode)),
            (&long_code, Err(BadCode)),
        ] {
            let expected = read.map(|(server, code)| Invitation { server: server.into(), code: code.into() });
            assert_eq!(link.parse(), expected, "{link:?}");
        }
    }

    #[test]
    fn a_server_and_a_code_are_as_good_as_a_link() {
        let given = |server, code| Invitation::given(server, code).map(|given| (given.server, given.code));
        let told = |server: &str, code: &str| Ok((server.to_owned(), code.to_owned()));
        assert_eq!(given("https://a.cn/", Some(" K7QM 2XPA ")), told("https://a.cn", "K7QM 2XPA"));
        assert_eq!(given("ws://127.0.0.1:1", Some("A")), told("ws://127.0.0.1:1", "A"));
        assert_eq!(given("https://a.cn/enrol#A", None), told("https://a.cn", "A"));
        assert_eq!(given("https://a.cn", None), Err(BadInvitation::Elsewhere), "no code, no link");
        assert_eq!(given("a.cn", Some("A")), Err(BadInvitation::NoServer));
        assert_eq!(given("https://a.cn/enrol#A", Some("B")), Err(BadInvitation::NoServer), "one or the other");
        assert_eq!(given("https://a.cn", Some("")), Err(BadInvitation::NoCode));
        let shown = format!("{:?}", Invitation { server: "https://a.cn".into(), code: "K7QM".into() });
        assert!(!shown.contains("K7QM"), "{shown}");
    }
}
