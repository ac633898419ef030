//! Errors as `application/problem+json` (RFC 9457), with a stable code and a sentence in two languages.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use renolog_protocol::time::SpanMs;
use serde::Serialize;

use crate::ingest::Rejection;
use crate::office::{NotDone, Unfit};
use crate::store::StoreError;
use crate::writer::WriteError;

/// What went wrong with a request.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// A stable address of the kind of problem.
    pub r#type: String,
    /// The kind of problem, in English.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// This very problem, in English.
    pub detail: String,
    /// A stable name of the kind of problem.
    pub code: &'static str,
    /// For people, in Chinese.
    pub zh: &'static str,
    /// In how many seconds it is worth asking again, if that alone can help; sent as `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u32>,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $make:ident = $status:ident, $code:literal, $title:literal, $zh:literal;)*) => {
        impl Problem {
            $(
                $(#[$doc])*
                pub fn $make(detail: impl Into<String>) -> Self {
                    Self {
                        r#type: concat!("urn:renolog:problem:", $code).to_owned(),
                        title: $title,
                        status: StatusCode::$status.as_u16(),
                        detail: detail.into(),
                        code: $code,
                        zh: $zh,
                        retry_after: None,
                    }
                }
            )*
        }
    };
}

problems! {
    /// The request cannot be read.
    bad_request = BAD_REQUEST, "bad_request", "The request cannot be read", "请求内容有误";
    /// No token, or not one of ours.
    unauthorized = UNAUTHORIZED, "unauthorized", "A bearer token is needed", "需要登录凭证";
    /// A device's token past its time.
    token_expired = UNAUTHORIZED, "token_expired", "The device's token has run out", "登录凭证已过期";
    /// A device that is not enrolled here, such as one that enrolled after the backup from which this server came back.
    unknown_device = UNAUTHORIZED, "unknown_device", "This device is not enrolled here",
        "服务器上没有本设备的登记，请联系管理员索取新的邀请码，在本机重新登记；本机内容都会保留";
    /// A token that does not reach this far.
    forbidden = FORBIDDEN, "forbidden", "This token may not do that", "没有权限";
    /// Nothing there, or nothing this token may see.
    not_found = NOT_FOUND, "not_found", "There is no such thing", "没有找到";
    /// The address has no such method.
    no_method = METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take that method", "不支持的请求方式";
    /// The name is taken.
    taken = CONFLICT, "taken", "The name is taken", "名称已被使用";
    /// No such one-time code.
    unknown_code = UNAUTHORIZED, "unknown_code", "This code is not one of ours", "邀请码无效";
    /// A one-time code past its time.
    expired_code = GONE, "expired_code", "This code has expired", "邀请码已过期";
    /// A one-time code that was used.
    used_code = CONFLICT, "used_code", "This code has been used", "邀请码已被使用";
    /// The device is enrolled with another key.
    device_taken = CONFLICT, "device_taken", "This device is enrolled already", "该设备已登记";
    /// A refused change that would damage its record.
    unreleasable = UNPROCESSABLE_ENTITY, "unreleasable", "This change cannot be released", "这项修改无法放行";
    /// A roster some of whose rows nothing can come of.
    roster_problems = UNPROCESSABLE_ENTITY, "roster_problems", "Rows of the roster have problems", "名册中有问题行";
    /// A write about something that is not as its sender had read it.
    changed_meanwhile = PRECONDITION_FAILED, "changed_meanwhile", "It changed meanwhile", "内容已有变化，请重新查看后再决定";
    /// Too often, or too many at once.
    too_many_requests = TOO_MANY_REQUESTS, "too_many_requests", "Too many requests", "操作过于频繁，请稍后再试";
    /// A body over the bound.
    too_large = PAYLOAD_TOO_LARGE, "too_large", "The request is too large", "提交的内容过大";
    /// A request that came, or was answered, too slowly.
    too_slow = GATEWAY_TIMEOUT, "too_slow", "The request took too long", "请求超时，请稍后再试";
    /// No room on the disk.
    storage_full = INSUFFICIENT_STORAGE, "storage_full", "The server has no room to store anything", "服务器存储已满";
    /// The disk fails.
    storage_failing = INTERNAL_SERVER_ERROR, "storage_failing", "The server's store fails", "服务器存储故障";
    /// The server is going down.
    stopping = SERVICE_UNAVAILABLE, "stopping", "The server is going down", "服务器正在关闭";
}

/// When it is worth looking again whether others have left.
const CROWDED_SECONDS: u32 = 30;

impl Problem {
    /// Too often; `wait` is how long until it may be tried again.
    pub fn wait(wait: SpanMs) -> Self {
        let seconds = u32::try_from(wait.0.max(0).unsigned_abs().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        let problem = Self::too_many_requests(format!("too many attempts from this address; try again in {seconds} s"));
        Self { retry_after: Some(seconds), ..problem }
    }

    /// Too many connections at once from the asker's address.
    pub fn crowded() -> Self {
        let problem = Self::too_many_requests("too many connections from this address; close some, or try again later");
        Self { retry_after: Some(CROWDED_SECONDS), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a question to the store failed");
        match error {
            StoreError::Full => Self::storage_full(error.to_string()),
            other => Self::storage_failing(other.to_string()),
        }
    }
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Store(error) => error.into(),
            unknown @ Unfit::Unknown { .. } => Self::not_found(unknown.to_string()),
            wrong @ Unfit::Wrong(_) => Self::bad_request(wrong.to_string()),
        }
    }
}

impl From<NotDone> for Problem {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Unfit(unfit) => unfit.into(),
            NotDone::Write(error) => error.into(),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        let detail = error.to_string();
        match error {
            WriteError::Rejected(rejection) => match rejection {
                Rejection::UnknownCode => Self::unknown_code(detail),
                Rejection::ExpiredCode => Self::expired_code(detail),
                Rejection::UsedCode => Self::used_code(detail),
                Rejection::DeviceTaken => Self::device_taken(detail),
                Rejection::SlugTaken(_) | Rejection::FoundedAlready => Self::taken(detail),
                Rejection::UnknownCommunity(_)
                | Rejection::UnknownDevice(_)
                | Rejection::UnknownPerson(_)
                | Rejection::UnknownOrganisation(_)
                | Rejection::UnknownRole(..)
                | Rejection::UnknownToken
                | Rejection::UnknownRecord(_) => Self::not_found(detail),
                Rejection::RosterFull(_) | Rejection::ErasedAlready(_) => Self::taken(detail),
                Rejection::RemainsAltered(_) => Self::storage_failing(detail),
                Rejection::RevokedDevice(_) => Self::forbidden(detail),
                Rejection::UnknownTerm(_) => Self::bad_request(detail),
                Rejection::NotInQuarantine(_) => Self::not_found(detail),
                Rejection::Unreleasable(_) => Self::unreleasable(detail),
                Rejection::Schema(_) => Self::bad_request(detail),
            },
            WriteError::Full => Self::storage_full(detail),
            WriteError::Failing(_) => Self::storage_failing(detail),
            WriteError::Stopping => Self::stopping(detail),
        }
    }
}

pub(super) async fn no_such_route(uri: axum::http::Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

pub(super) async fn no_such_method(method: axum::http::Method, uri: axum::http::Uri) -> Problem {
    Problem::no_method(format!("{} does not take {method}", uri.path()))
}
