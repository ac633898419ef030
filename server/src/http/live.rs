//! `GET /api/v1/live`: tells a console that something happened, so that it asks again. What happened is not told here: each
//! answer is for its asker, and asked for as such.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::Event;
use futures_util::stream::{Stream, unfold};
use renolog_protocol::id::{CommunityId, FeedId, Seq};
use serde::Serialize;
use tokio::time::sleep;

use super::auth::Asking;
use super::peer::Brought;
use super::{Caller, Problem};
use crate::app::App;
use crate::hub::{News, Wake};
use crate::store::{Reader, StoreError};

/// A sign of life, and a look at whether the caller may still listen: a token for programs may be ended without anybody's
/// standing changing.
const LOOK_EVERY: Duration = Duration::from_millis(900);
/// Of so many looks in which nothing happened, one is told.
const SIGN_EVERY: u32 = 16;

/// Communities in which something happened, and how far their feeds have come.
#[derive(Debug, Serialize)]
struct Grown {
    community: CommunityId,
    /// The last place of each feed that grew, by audience.
    heads: BTreeMap<String, Seq>,
}

struct Listener {
    app: App,
    secret: String,
    wake: Arc<Wake>,
    /// Whether the caller has been told that they may listen no longer.
    over: bool,
    quiet: u32,
    _brought: Brought,
}

/// Server-sent events: `grown` with a list of communities as its data, `standing` when somebody's part in anything changed,
/// `ended` when the caller may listen no longer.
#[utoipa::path(get, path = "/live", operation_id = "live", tag = "history",
    responses((status = OK, body = String, content_type = "text/event-stream"), super::openapi::Refused))]
pub(super) async fn live(
    State(app): State<App>,
    Asking(secret): Asking,
    _: Caller,
    brought: Brought,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let wake = app.hub.attend();
    let listener = Listener { app, secret, wake, over: false, quiet: 0, _brought: brought };
    Sse::new(unfold(listener, |listener| async move { listener.next().await.map(|(event, rest)| (Ok(event), rest)) }))
}

impl Listener {
    /// The next thing to tell; nothing when it is over.
    async fn next(mut self) -> Option<(Event, Self)> {
        if self.over {
            return None;
        }
        loop {
            let mut stopping = self.app.stopping.clone();
            let news = tokio::select! {
                news = self.wake.news() => news,
                () = sleep(LOOK_EVERY) => News::default(),
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            };
            match self.hear(news).await {
                Ok(Some(event)) => return Some((event, self)),
                Ok(None) => {}
                // A store that does not answer now says nothing of who may listen.
                Err(problem) if problem.status >= 500 => {}
                Err(_) => {
                    self.over = true;
                    return Some((Event::default().event("ended").data("{}"), self));
                }
            }
        }
    }

    /// What is to be told of some news, if anything.
    async fn hear(&mut self, news: News) -> Result<Option<Event>, Problem> {
        let (caller, _) = Caller::of_secret(&self.app, &self.secret).await?;
        if news.roster {
            return Ok(Some(Event::default().event("standing").data("{}")));
        }
        let app = self.app.clone();
        let heard = self.app.readers.ask(move |store| heard(&app, store, &caller, news.grown)).await?;
        if heard.is_empty() {
            self.quiet += 1;
            let sign = self.quiet.is_multiple_of(SIGN_EVERY);
            return Ok(sign.then(|| Event::default().comment("")));
        }
        Ok(Event::default().event("grown").json_data(heard).ok())
    }
}

/// What of it the caller may hear.
fn heard(app: &App, store: &Reader, caller: &Caller, grown: BTreeMap<FeedId, Seq>) -> Result<Vec<Grown>, StoreError> {
    let mut communities: BTreeMap<CommunityId, BTreeMap<String, Seq>> = BTreeMap::new();
    for (feed, head) in grown {
        if caller.audiences(app, store, feed.community)?.contains(&feed.audience) {
            communities.entry(feed.community).or_default().insert(feed.audience.to_string(), head);
        }
    }
    Ok(communities.into_iter().map(|(community, heads)| Grown { community, heads }).collect())
}
