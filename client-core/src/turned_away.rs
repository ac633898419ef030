//! What a server says that will not open a connection: an HTTP status and a problem in words.

use renolog_protocol::session::ByeCode;
use renolog_protocol::time::SpanMs;
use renolog_protocol::wire::Bye;

/// The farewell in an answer to an attempt to connect; none where it says nothing about trying again. `retry_after` is the
/// header of that name.
pub fn farewell(status: u16, body: &[u8], retry_after: Option<&str>) -> Option<Bye> {
    let code = match status {
        401 | 403 => ByeCode::NotAllowed,
        426 => ByeCode::Incompatible,
        429 | 503 => ByeCode::Busy,
        _ => return None,
    };
    let problem = serde_json::from_slice::<serde_json::Value>(body).ok();
    let words = |key: &str| problem.as_ref()?.get(key)?.as_str().map(str::to_owned);
    let mut bye = code.bye(words("en").unwrap_or_else(|| format!("the server answered {status}")));
    bye.zh = words("zh").unwrap_or(bye.zh);
    let seconds: Option<u32> = retry_after.and_then(|seconds| seconds.parse().ok());
    bye.retry_after = seconds.map(|seconds| SpanMs::from_secs(seconds.into())).or(bye.retry_after);
    Some(bye)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_upgrade_says_whether_trying_again_helps() {
        let words = r#"{"code":"not_allowed","zh":"设备已停用","en":"the device was retired"}"#;
        let bye = farewell(401, words.as_bytes(), None).expect("a 401 is an answer");
        assert_eq!(
            (bye.code.as_str(), bye.zh.as_str(), bye.en.as_str()),
            ("not_allowed", "设备已停用", "the device was retired")
        );
        assert_eq!(farewell(429, b"", Some("40")).and_then(|bye| bye.retry_after), Some(SpanMs::from_secs(40)));
        assert!(farewell(503, b"", None).is_some_and(|bye| bye.retry_after.is_some()));
        assert_eq!(farewell(500, b"oops", None), None);
    }
}
