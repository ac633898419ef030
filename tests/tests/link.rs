//! The bad link on real sockets: what is said arrives whole, and the link does to it what it was told.

use std::net::SocketAddr;
use std::time::Duration;

use renolog_tests::link::{Fault, LaneShape, Link, Shape, When};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// A server that says everything again.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                // Whoever cuts a link has ended this as well.
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    address
}

/// Says something, finishes, and hears out what comes back.
async fn converse(link: &Link, words: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(link.address()).await?;
    let (mut from, mut to) = stream.split();
    let mut heard = Vec::new();
    let say = async {
        to.write_all(words).await?;
        to.shutdown().await
    };
    let (said, read) = tokio::join!(say, from.read_to_end(&mut heard));
    said.and(read.map(|_| heard))
}

#[tokio::test]
async fn what_is_said_arrives_whole_and_is_counted() {
    let link = Link::to(echo().await, Shape::default()).await.expect("a link");
    let words: Vec<u8> = (0..300_000u32).map(|n| (n % 253) as u8).collect();
    assert_eq!(converse(&link, &words).await.expect("an echo"), words);
    let totals = link.totals();
    assert_eq!((totals.connections, totals.up.bytes, totals.down.bytes), (1, 300_000, 300_000));
}

#[tokio::test]
async fn an_answer_takes_as_long_as_the_link_is_far_and_slow() {
    let lane = LaneShape { rate: Some(10_000), delay: Duration::from_millis(20), ..LaneShape::default() };
    let link = Link::to(echo().await, Shape::even(lane)).await.expect("a link");
    let began = Instant::now();
    assert_eq!(converse(&link, &[7; 1_000]).await.expect("an echo"), [7; 1_000]);
    // A handshake and a round trip of 40 ms each, and 100 ms to send the words each way.
    assert!(began.elapsed() >= Duration::from_millis(280), "{:?}", began.elapsed());
    assert_eq!(link.connections()[&0].round_trips, 1);
}

#[tokio::test]
async fn a_cut_ends_both_sides_after_just_so_many_bytes() {
    let shape = Shape { fault: Some(Fault::Cut(When::Bytes(1_500))), ..Shape::default() };
    let link = Link::to(echo().await, shape).await.expect("a link");
    let heard = timeout(Duration::from_secs(20), converse(&link, &[7; 1_000])).await.expect("it ends");
    // Whether the end is seen as one or as an error is the system's choice.
    assert!(heard.map_or(true, |heard| heard.len() == 500), "1,000 bytes up, 500 down");
}

#[tokio::test]
async fn a_silent_link_stands_and_says_nothing() {
    let shape = Shape { fault: Some(Fault::Silence(When::Bytes(0))), ..Shape::default() };
    let link = Link::to(echo().await, shape).await.expect("a link");
    let mut stream = TcpStream::connect(link.address()).await.expect("it is accepted");
    stream.write_all(&[7; 100_000]).await.expect("it takes everything");
    let heard = timeout(Duration::from_millis(200), stream.read_u8()).await;
    assert!(heard.is_err(), "neither a byte nor an end: {heard:?}");
    link.cut();
    assert!(stream.read_u8().await.is_err(), "until somebody cuts it");
}
