//! The page that browsers show: what `server/web` was built to, carried inside the program. It knows files and how browsers
//! keep them, nothing of what is in them; the page itself asks the API like any other program.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::{problem, tags};

#[derive(RustEmbed)]
#[folder = "web/dist/"]
#[allow_missing = true]
struct Built;

/// Under this folder a file's name says what is in it: another content is another name.
const NAMED_BY_CONTENT: &str = "assets/";
/// A year: as long as a browser may keep anything.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// To be kept, and asked about each time.
const ASK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");

const NOT_BUILT: &str = "<!doctype html><html lang=zh-CN><meta charset=utf-8><title>旧改日志 Renolog</title>\
    <p>这个程序编译时没有包含网页。请运行 <code>make page</code>，再重新编译。同步和接口照常工作。\
    <p>This program was built without the page. Run <code>make page</code> and build it again. Syncing and the API work as ever.";

/// The compressed forms that the build writes beside each file, the smaller first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// For whoever stands in a stairwell.
pub(super) async fn field(headers: HeaderMap) -> Response {
    shown("index.html", &headers)
}

/// For whoever sits at a desk.
pub(super) async fn console(headers: HeaderMap) -> Response {
    shown("console.html", &headers)
}

/// What the pages name stands beside them, not below: with a slash behind its name, a page would look for it there. What stands
/// behind the `#` of a link goes with it.
pub(super) async fn without_slash(uri: Uri) -> Response {
    let name = uri.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Redirect::permanent(&format!("../{name}")).into_response()
}

fn shown(name: &str, headers: &HeaderMap) -> Response {
    file(name, headers).unwrap_or_else(|| Html(NOT_BUILT).into_response())
}

/// Every other file of the page, at its own name.
pub(super) async fn other(request: Request) -> Response {
    let asked = matches!(*request.method(), Method::GET | Method::HEAD);
    let name = request.uri().path().trim_start_matches('/');
    // The pages have addresses of their own.
    let own = !name.ends_with(".html");
    let found = if asked && own { file(name, request.headers()) } else { None };
    match found {
        Some(found) => found,
        None => problem::no_such_route(request.uri().clone()).await.into_response(),
    }
}

fn file(name: &str, asked: &HeaderMap) -> Option<Response> {
    let kind = media_type(name)?;
    let (file, encoding) = smallest(name, asked)?;
    let tag = data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash()[..16]);
    let tag = HeaderValue::try_from(format!("\"{tag}\"")).ok()?;
    let mut response = if asked.get(header::IF_NONE_MATCH).is_some_and(|known| tags::names(known, &tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        bytes(file.data).into_response()
    };
    let kept = if name.starts_with(NAMED_BY_CONTENT) { FOR_EVER } else { ASK_FIRST };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::CACHE_CONTROL, kept);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

/// The file in the smallest form that the asker reads.
fn smallest(name: &str, asked: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let packed = ENCODINGS.into_iter().filter(|(encoding, _)| reads(asked, encoding));
    let mut packed = packed.filter_map(|(encoding, ending)| Some((Built::get(&format!("{name}{ending}"))?, Some(encoding))));
    packed.next().or_else(|| Some((Built::get(name)?, None)))
}

fn reads(asked: &HeaderMap, encoding: &str) -> bool {
    let said = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut offers = said.flat_map(|text| text.split(',')).map(|offer| offer.split_once(';').unwrap_or((offer, "")));
    let refused = |weight: &str| matches!(weight.trim().strip_prefix("q=").map(str::parse::<f32>), Some(Ok(0.0)));
    offers.any(|(name, weight)| name.trim().eq_ignore_ascii_case(encoding) && !refused(weight))
}

fn bytes(data: Cow<'static, [u8]>) -> axum::body::Bytes {
    match data {
        Cow::Borrowed(bytes) => axum::body::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }
}

/// What browsers must be told that a file is, or they refuse it: `nosniff`. Other files are none of the page's.
fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn an_encoding_is_used_where_it_is_read() {
        for (said, encoding, expected) in [
            ("gzip, deflate, br", "br", true),
            ("gzip;q=0.8, BR;q=1", "br", true),
            ("br;q=0, gzip", "br", false),
            ("brotli", "br", false),
            ("identity", "gzip", false),
        ] {
            assert_eq!(reads(&asking(header::ACCEPT_ENCODING, said), encoding), expected, "{said}");
        }
    }

    #[tokio::test]
    async fn a_slash_too_many_leads_to_the_page() {
        for (asked, meant) in [("/enrol/", "../enrol"), ("/console/", "../console"), ("/log/enrol/", "../enrol")] {
            let answer = without_slash(Uri::from_static(asked)).await;
            assert_eq!(
                (answer.status(), answer.headers()[header::LOCATION].as_bytes()),
                (StatusCode::PERMANENT_REDIRECT, meant.as_bytes())
            );
        }
    }

    #[tokio::test]
    async fn the_two_pages_answer_whether_or_not_they_were_built() {
        for answer in [field(HeaderMap::new()).await, console(HeaderMap::new()).await] {
            assert_eq!(answer.status(), StatusCode::OK);
            assert!(answer.headers()[header::CONTENT_TYPE].as_bytes().starts_with(b"text/html"));
        }
        for hidden in ["/index.html", "/assets/../../Cargo.toml", "/Cargo.toml", "/sw.js.br"] {
            let request = Request::get(hidden).body(axum::body::Body::empty()).expect("a request");
            assert_eq!(other(request).await.status(), StatusCode::NOT_FOUND, "{hidden}");
        }
    }
}
