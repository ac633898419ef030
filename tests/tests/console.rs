//! How a console is let in, kept in, and let go: a cookie of its own, and a line on which it hears that something happened.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{Method, Request, header};
use axum::response::Response;
use futures_util::StreamExt;
use renolog_protocol::schema::Schema;
use renolog_server::app::{App, Handle};
use renolog_server::clock::SystemClock;
use renolog_server::data_dir::DataDir;
use renolog_server::http::router;
use renolog_server::office::{NewToken, Token, TokenEnd};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

struct Desk {
    app: App,
    token: Token,
    _handle: Handle,
    _directory: TempDir,
}

impl Desk {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDir::hold(directory.path()).unwrap();
        let (app, handle) = App::start(data, Schema::built_in(), Arc::new(SystemClock), None).unwrap();
        let token = app.take(None, NewToken { label: "test".into(), days: 1 }).await.unwrap();
        Self { app, token, _handle: handle, _directory: directory }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Response {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        router(self.app.clone()).oneshot(request.body(body).unwrap()).await.unwrap()
    }

    /// The cookie that a pasted token becomes.
    async fn cookie(&self) -> String {
        let answer = self.ask(Method::POST, "/api/v1/session", &[], Some(json!({"token": self.token.token}))).await;
        assert_eq!(answer.status(), 200);
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

async fn json(answer: Response) -> Value {
    serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_pasted_token_is_kept_where_no_script_reads_it_and_forgotten_again() {
    let desk = Desk::open().await;
    let cookie = desk.cookie().await;
    let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let told = json(desk.ask(Method::GET, "/api/v1/session", &ours, None).await).await;
    assert_eq!((&told["reach"], &told["person"]), (&json!("operator"), &Value::Null));
    for (site, status) in [("cross-site", 403), ("same-site", 403)] {
        let theirs = [("cookie", cookie.as_str()), ("sec-fetch-site", site)];
        assert_eq!(desk.ask(Method::GET, "/api/v1/session", &theirs, None).await.status(), status, "{site}");
    }
    // The other face's cookie is of no use here and does no harm.
    let both = format!("renolog=nonsense; {cookie}");
    let both = [("cookie", both.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(desk.ask(Method::GET, "/api/v1/communities", &both, None).await.status(), 200);
    assert_eq!(desk.ask(Method::GET, "/api/v1/sync", &ours, None).await.status(), 401, "a console does not sync");
    let gone = desk.ask(Method::DELETE, "/api/v1/session", &ours, None).await;
    assert!(gone.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    let wrong = desk.ask(Method::POST, "/api/v1/session", &[], Some(json!({"token": "nonsense"}))).await;
    assert_eq!((wrong.status().as_u16(), wrong.headers().get(header::SET_COOKIE)), (401, None));
}

/// Events as they come.
struct Line(BodyDataStream);

impl Line {
    async fn hears(&mut self, event: &str) {
        let mut heard = String::new();
        while let Some(Ok(bytes)) = self.0.next().await {
            heard += &String::from_utf8_lossy(&bytes);
            if heard.contains(&format!("event: {event}\n")) {
                return;
            }
        }
        panic!("the line ended after {heard:?}, and {event} was not heard");
    }
}

#[tokio::test]
async fn a_console_hears_that_something_happened_until_its_token_is_ended() {
    let desk = Desk::open().await;
    let bearer = format!("Bearer {}", desk.token.token);
    let answer = desk.ask(Method::GET, "/api/v1/live", &[("authorization", &bearer)], None).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut line = Line(answer.into_body().into_data_stream());
    desk.app.hub.roster_changed();
    line.hears("standing").await;
    desk.app.take(None, TokenEnd { name: desk.token.name.clone() }).await.unwrap();
    line.hears("ended").await;
    assert!(line.0.next().await.is_none(), "and nothing after it");
}

#[tokio::test]
async fn nobody_listens_without_a_token() {
    let desk = Desk::open().await;
    assert_eq!(desk.ask(Method::GET, "/api/v1/live", &[], None).await.status(), 401);
}
