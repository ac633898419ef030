//! HTTP by hand, on a stream that the test holds: what a client library would hide is what is looked at.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status; 0 if the far end hung up instead.
    pub status: u16,
    /// Everything before the body.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A connection without encryption.
///
/// # Panics
/// If there is nobody.
pub async fn plain(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("somebody listens")
}

/// Sends a request, headers as `name: value` lines, and reads its answer; the connection stays open.
///
/// # Panics
/// If what comes back is no HTTP.
pub async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str, headers: &[&str], body: &str) -> Answer {
    let mut text = format!("{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|header| text.extend([header, "\r\n"]));
    text.extend(["\r\n", body]);
    // A far end that has hung up already is seen when nothing comes back.
    drop(stream.write_all(text.as_bytes()).await);
    let mut answer = Answer { status: 0, head: String::new(), body: String::new() };
    while !answer.head.ends_with("\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => answer.head.push(char::from(byte)),
            Err(_) => return answer,
        }
    }
    answer.status = answer.head.split(' ').nth(1).expect("a status").parse().expect("a number");
    let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.expect("as long as it says");
    answer.body = String::from_utf8(bytes).expect("text");
    answer
}
