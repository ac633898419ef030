//! What an operator does: add communities, invite people, make tokens.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::extract::Body;
use super::{Caller, Problem};
use crate::app::App;
use crate::office::{self, Invitation, NewCommunity, NewToken};

#[derive(Serialize)]
pub(super) struct Made<T> {
    #[serde(flatten)]
    made: T,
}

pub(super) async fn add_community(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<NewCommunity>,
) -> Result<Json<Made<office::Community>>, Problem> {
    caller.must_be_operator()?;
    let (command, made) = office::add_community(asked, app.clock.now()).map_err(Problem::bad_request)?;
    app.writer.submit(command).await?;
    Ok(Json(Made { made }))
}

pub(super) async fn invite(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<Invitation>,
) -> Result<Json<Made<office::Code>>, Problem> {
    caller.must_be_operator()?;
    let (schema, now) = (app.schema.clone(), app.clock.now());
    let invited = app.readers.ask(move |store| office::invite(store, &schema, &asked, now)).await?;
    let (command, made) = invited.map_err(Problem::bad_request)?;
    app.writer.submit(command).await?;
    Ok(Json(Made { made }))
}

pub(super) async fn issue_token(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<NewToken>,
) -> Result<Json<Made<office::Token>>, Problem> {
    caller.must_be_operator()?;
    let (command, made) = office::issue_token(asked, app.clock.now());
    app.writer.submit(command).await?;
    Ok(Json(Made { made }))
}
