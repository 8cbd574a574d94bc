use std::net::TcpListener;

use super::*;
use crate::http::Body;

/// Both ends of a connection.
fn pair() -> (Wire, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (Wire::new(Arc::new(listener.accept().unwrap().0)), client)
}

#[test]
fn a_body_in_pieces_arrives_as_one() {
    let (mut wire, mut client) = pair();
    // More pieces than one system call takes, and more bytes than the socket's buffers hold; some are empty, the first too.
    let pieces: Vec<Vec<u8>> = (0..3_000).map(|n| vec![b'a' + (n % 26) as u8; n % 1_000 * 2]).collect();
    let whole = pieces.concat();
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        received
    });
    wire.reply(&Reply::json(200, Body::pieces(pieces)), false, true).unwrap();
    wire.stream.shutdown(Shutdown::Write).unwrap();
    let received = reader.join().unwrap();
    let head = received.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(String::from_utf8_lossy(&received[..head]).contains(&format!("Content-Length: {}\r\n", whole.len())));
    assert!(received[head..] == whole);
}

#[test]
fn an_event_is_one_chunk_and_the_last_one_ends_the_stream() {
    let (mut wire, mut client) = pair();
    wire.write_event(&[b"{}"], false).unwrap();
    wire.write_event(&Body::pieces(vec![b"{\"a\"".to_vec(), Vec::new(), b":1}".to_vec()]).slices(), true).unwrap();
    wire.stream.shutdown(Shutdown::Write).unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    let events = "19\r\nevent: message\ndata: {}\n\n\r\n1e\r\nevent: message\ndata: {\"a\":1}\n\n\r\n0\r\n\r\n";
    assert_eq!(received, events);
}

#[test]
fn a_deadline_is_kept_to_the_tick_and_is_the_same_for_each_new_request() {
    assert_eq!(timeout(from_now(IDLE)).unwrap(), IDLE);
    assert_eq!(timeout(from_now(Duration::from_millis(1_010))).unwrap(), Duration::from_millis(1_100));
    assert_eq!(timeout(Instant::now()).unwrap_err().kind(), io::ErrorKind::TimedOut);
    let (mut wire, client) = pair();
    let begun = Instant::now();
    assert_eq!(wire.read_more(from_now(Duration::from_millis(250))).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!((250..1_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert_eq!(wire.read_timeout, Duration::from_millis(300));
    drop(client);
}
