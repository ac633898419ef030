//! The conversation, as two machines without sockets, clocks or storage.
//!
//! Each end is fed what happened ([`server::Input`], or frames and batches on the device) and asked what to do next
//! ([`server::Output`], [`device::Event`]). A driver does the rest. That is what lets a simulation run a month of bad
//! network in a second, and a websocket and an HTTP body carry the same frames.

pub mod device;
mod past;
pub mod server;
pub mod stretch;

use crate::id::FeedId;
use crate::wire::{BadFrame, Bye, Senseless};

/// Why a connection ends. Stable names; they are part of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ByeCode {
    /// The peer sent something that is no frame.
    BadFrame,
    /// The peer broke the order of the conversation, or a bound.
    Misbehaved,
    /// No protocol version that both speak.
    Incompatible,
    /// A batch whose signature does not fit, or with changes that are not well-formed.
    BadBatch,
    /// A pack that cannot be unfolded here, such as one that refers to what this life of the store never had. As it is, it
    /// may be taken.
    Unpackable,
    /// The device that signed a batch is not known here.
    UnknownDevice,
    /// A batch for a community that is not known here.
    UnknownCommunity,
    /// The device may not connect (any more).
    NotAllowed,
    /// The server cannot store anything now: its disk is full or failing. Nothing is lost; try later.
    StorageFull,
    /// The server is going down or restarting.
    GoingAway,
    /// The server is busy. Try later.
    Busy,
}

impl ByeCode {
    /// Every reason this build gives.
    pub const ALL: &[Self] = &[
        Self::BadFrame,
        Self::Misbehaved,
        Self::Incompatible,
        Self::BadBatch,
        Self::Unpackable,
        Self::UnknownDevice,
        Self::UnknownCommunity,
        Self::NotAllowed,
        Self::StorageFull,
        Self::GoingAway,
        Self::Busy,
    ];

    /// As sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::Misbehaved => "misbehaved",
            Self::Incompatible => "incompatible",
            Self::BadBatch => "bad_batch",
            Self::Unpackable => "unpackable",
            Self::UnknownDevice => "unknown_device",
            Self::UnknownCommunity => "unknown_community",
            Self::NotAllowed => "not_allowed",
            Self::StorageFull => "storage_full",
            Self::GoingAway => "going_away",
            Self::Busy => "busy",
        }
    }

    /// The sentence in Chinese.
    fn zh(self) -> &'static str {
        match self {
            Self::BadFrame | Self::Misbehaved => "通信内容有误，连接已断开",
            Self::Incompatible => "应用版本过旧或过新，请更新",
            Self::BadBatch => "提交的内容签名或格式有误",
            Self::Unpackable => "压缩内容无法还原，将改用原文发送",
            Self::UnknownDevice => "签名的设备未登记",
            Self::UnknownCommunity => "没有这个小区",
            Self::NotAllowed => "本设备目前不能连接",
            Self::StorageFull => "服务器暂时无法保存，请稍后再试；您的内容仍在本机",
            Self::GoingAway => "服务器正在重启，稍后自动重连",
            Self::Busy => "服务器繁忙，稍后自动重连",
        }
    }

    /// The farewell itself; `why` completes the English sentence.
    pub fn bye(self, why: impl Into<String>) -> Bye {
        let retry = match self {
            Self::StorageFull => Some(crate::time::SpanMs::from_secs(60)),
            Self::GoingAway | Self::Busy => Some(crate::time::SpanMs::from_secs(5)),
            _ => None,
        };
        let en: String = why.into().chars().take(crate::limits::SENTENCE_CHARS).collect();
        Bye { code: self.as_str().into(), zh: self.zh().into(), en, retry_after: retry }
    }
}

/// What is wrong with the peer. Says who is at fault, and so whether trying again can help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It sent bytes that are no frame.
    #[error("the peer sent bytes that are no frame: {0}")]
    BadFrame(#[from] BadFrame),
    /// It sent a frame out of turn.
    #[error("the peer sent {0} out of turn")]
    OutOfTurn(&'static str),
    /// It left a gap in a feed.
    #[error("the peer left a gap in feed {feed}")]
    Gap {
        /// Where.
        feed: FeedId,
    },
    /// It sent a part of a snapshot that cannot be unfolded here.
    #[error("the peer sent a chunk that cannot be read: {0}")]
    Unpackable(#[from] crate::codec::BadPack),
    /// It sent something in short that means nothing on this connection.
    #[error("the peer sent what this connection cannot complete: {0}")]
    Senseless(#[from] Senseless),
    /// An item that refers to nothing.
    #[error("the peer sent an item that refers to nothing")]
    Dangling,
}
