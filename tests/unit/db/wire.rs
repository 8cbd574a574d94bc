#![allow(clippy::arithmetic_side_effects, reason = "helpers of tests, which clippy.toml knows only by their attribute")]

use super::*;

/// A wire on which these bytes have arrived, and what the driver gets of them, `room` bytes at a time.
fn delivered(bytes: &[u8], room: usize) -> io::Result<Vec<u8>> {
    let mut wire = Reader { max_message: 1_000, ready: Vec::new(), state: State::Head(Vec::new()) };
    let (mut got, mut at) = (Vec::new(), 0);
    loop {
        let mut space = vec![0; room];
        let mut buffer = ReadBuf::new(&mut space);
        let used = wire.deliver(bytes.get(at..).unwrap(), &mut buffer)?;
        at += used;
        got.extend_from_slice(buffer.filled());
        if used == 0 && buffer.filled().is_empty() {
            return Ok(got);
        }
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), body].concat()
}

#[test]
fn messages_pass_unchanged_and_notices_are_left_out() {
    let kept = [message(b'T', b"columns"), message(b'D', &[7; 900]), message(b'C', b""), message(b'Z', b"I")];
    let notice = message(b'N', &[1; 5_000]);
    let sent = [kept[0].as_slice(), &notice, &kept[1], &notice, &notice, &kept[2], &kept[3]].concat();
    for room in [1, 3, 5, 64, 10_000] {
        assert_eq!(delivered(&sent, room).unwrap(), kept.concat(), "room for {room}");
    }
}

#[test]
fn a_long_error_comes_as_its_beginning_and_the_next_message_follows() {
    let text = "é".repeat(100_000);
    let error = message(b'E', format!("SERROR\0VERROR\0C22P02\0Minvalid input: {text}\0Fint.c\0\0").as_bytes());
    let ready = message(b'Z', b"I");
    for room in [7, 10_000] {
        let got = delivered(&[error.as_slice(), &ready].concat(), room).unwrap();
        assert!(got.len() < MAX_ERROR + 100 && got.ends_with(&ready), "{}", got.len());
        let body = std::str::from_utf8(&got[5..got.len() - ready.len()]).unwrap();
        assert!(body.starts_with("SERROR\0VERROR\0C22P02\0Minvalid input: ééé") && body.ends_with("é…\0\0"));
        assert_eq!(u32::from_be_bytes(got[1..5].try_into().unwrap()) as usize, body.len() + 4);
    }
}

#[test]
fn a_message_that_is_too_long_or_has_no_length_ends_the_connection() {
    for (bytes, part) in [
        (message(b'D', &[0; 1_001]), "1001 bytes"),
        (vec![b'D', 0xff, 0xff, 0xff, 0xff], "4294967291 bytes"),
        (vec![b'D', 0, 0, 0, 3], "without a length"),
    ] {
        let error = delivered(&bytes, 100).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}
