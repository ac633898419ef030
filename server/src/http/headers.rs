//! What every answer tells a browser. No CORS: other sites' pages have no business here.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Peer;

/// On every answer.
const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
];

/// On every answer that does not say otherwise: what it says is for its asker, and not for anything on its way to keep.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// What a page may do unless it says otherwise: load from this server only, scripts and styles from files of their own, run
/// WebAssembly (which is what `wasm-unsafe-eval` says, and no `eval`), talk to nobody else, and stand in nobody's frame. A
/// script is held to it, too: where it is started as a worker, the policy that came with it is the one that counts.
const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// What is held to [`PAGE`].
const PAGES: [&[u8]; 3] = [b"text/html", b"text/javascript", b"application/javascript"];

/// What is no page is never shown as one.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// A year without plain text. Said over an encrypted connection only: elsewhere a browser takes no notice, and a server on
/// a trusted network without TLS must stay within reach. Not for the names below ours, which are not ours to speak for.
const INSIST: HeaderValue = HeaderValue::from_static("max-age=31536000");

pub(super) async fn guard(peer: Peer, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    // No browser shows what comes over a websocket, and on a bad link these would take half a second.
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        put_on(response.headers_mut(), peer.secure);
    }
    response
}

fn put_on(headers: &mut HeaderMap, secure: bool) {
    let page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| PAGES.iter().any(|page| kind.as_bytes().starts_with(page)));
    headers.extend(ALWAYS);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(if page { PAGE } else { NO_PAGE });
    headers.entry(header::CACHE_CONTROL).or_insert(NOT_KEPT);
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, INSIST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(given: &[(HeaderName, &'static str)], secure: bool) -> HeaderMap {
        let mut headers: HeaderMap = given.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        put_on(&mut headers, secure);
        headers
    }

    #[test]
    fn what_an_answer_is_decides_what_it_may_do() {
        for (kind, policy) in [
            ("text/html; charset=utf-8", PAGE),
            ("text/javascript; charset=utf-8", PAGE),
            ("application/json", NO_PAGE),
            ("text/plain", NO_PAGE),
        ] {
            let headers = told(&[(header::CONTENT_TYPE, kind)], false);
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], policy, "{kind}");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[header::CACHE_CONTROL], "no-store");
            assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().is_ok_and(|policy| !policy.contains("'unsafe")));
        }
        let own = told(&[(header::CACHE_CONTROL, "max-age=60"), (header::CONTENT_SECURITY_POLICY, "default-src 'self'")], false);
        assert_eq!(
            (&own[header::CACHE_CONTROL], own.get_all(header::CONTENT_SECURITY_POLICY).iter().count()),
            (&"max-age=60".parse().expect("a value"), 1)
        );
        assert!(!own.contains_key(header::STRICT_TRANSPORT_SECURITY));
        assert!(told(&[], true).contains_key(header::STRICT_TRANSPORT_SECURITY));
    }
}
