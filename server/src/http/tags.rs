//! What an answer is called: an `ETag` over its body, so that whoever has it need not be sent it again, and whoever writes can
//! say which one they had read.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Problem;
use crate::roll::Version;

/// Longer answers go without; no list is as long.
const LONGEST: usize = 16 << 20;

/// Around questions: names what is answered in JSON.
pub(super) async fn tagged(request: Request, next: Next) -> Response {
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !asks || response.status() != StatusCode::OK || !json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LONGEST).await else {
        return Problem::too_large("the answer is too long; ask for less of it").into_response();
    };
    let tag = tag(&bytes);
    if known.is_some_and(|known| names(&known, &tag)) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    parts.headers.insert(header::ETAG, tag);
    Response::from_parts(parts, Body::from(bytes))
}

fn tag(bytes: &Bytes) -> HeaderValue {
    let digest = Sha256::digest(bytes);
    HeaderValue::try_from(format!("\"{}\"", data_encoding::HEXLOWER.encode(&digest[..16]))).expect("hexadecimal digits")
}

/// Whether a list of tags names this one.
pub(super) fn names(list: &HeaderValue, tag: &HeaderValue) -> bool {
    let named = list.as_bytes().split(|byte| *byte == b',').map(|one| one.trim_ascii());
    named.map(|one| one.strip_prefix(b"W/").unwrap_or(one)).any(|one| one == tag.as_bytes() || one == b"*")
}

/// Sees to it that a write is about what its sender had read, where they say so with `If-Match`; `now` is what they would be
/// answered if they asked again.
///
/// # Errors
/// [`Problem::changed_meanwhile`].
pub(super) fn must_match<T: Serialize>(headers: &HeaderMap, now: &T) -> Result<(), Problem> {
    let Some(read) = headers.get(header::IF_MATCH) else { return Ok(()) };
    match serde_json::to_vec(now).map(|bytes| tag(&bytes.into())) {
        Ok(tag) if names(read, &tag) => Ok(()),
        _ => Err(changed()),
    }
}

/// The same for what has a version of its own; nothing that stands is what its sender had read of what does not stand yet.
///
/// # Errors
/// [`Problem::changed_meanwhile`].
pub(super) fn must_be(read: Option<&HeaderValue>, now: Option<&Version>) -> Result<(), Problem> {
    let Some(read) = read else { return Ok(()) };
    match now.map(|version| HeaderValue::try_from(version.as_str())) {
        Some(Ok(tag)) if names(read, &tag) => Ok(()),
        _ => Err(changed()),
    }
}

fn changed() -> Problem {
    Problem::changed_meanwhile("this is not what you had read any more; read it again and decide again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Cell;

    #[test]
    fn a_tag_is_known_among_others_and_weakly() {
        let tag = HeaderValue::from_static("\"a1\"");
        for (known, expected) in [("\"a1\"", true), ("\"b2\", W/\"a1\"", true), ("*", true), ("\"a\"", false), ("a1", false)] {
            assert_eq!(names(&HeaderValue::from_static(known), &tag), expected, "{known}");
        }
    }

    #[test]
    fn a_version_is_named_like_any_other_tag() {
        let (now, other): (Version, Version) = (Version::of(&[Cell::Int(1)]), Version::of(&[Cell::Int(2)]));
        let read = HeaderValue::try_from(now.as_str()).expect("a tag");
        assert!(must_be(Some(&read), Some(&now)).is_ok() && must_be(None, None).is_ok());
        for changed in [Some(&other), None] {
            assert_eq!(must_be(Some(&read), changed).expect_err("it changed").code, "changed_meanwhile");
        }
    }

    #[test]
    fn what_was_read_is_what_is_written_about() {
        let read = tag(&Bytes::from_static(b"[1,2]"));
        let headers = HeaderMap::from_iter([(header::IF_MATCH, read)]);
        assert!(must_match(&headers, &[1, 2]).is_ok() && must_match(&HeaderMap::new(), &[1]).is_ok());
        assert_eq!(must_match(&headers, &[1, 3]).expect_err("it changed").code, "changed_meanwhile");
    }
}
