#![allow(clippy::arithmetic_side_effects, reason = "helpers of tests, which clippy.toml knows only by their attribute")]

use std::sync::{Arc, Mutex};

use super::{
    super::rows::{Flow, Row},
    *,
};

/// What the driver gets of these bytes, `room` bytes at a time.
fn delivered(bytes: &[u8], room: usize) -> io::Result<Vec<u8>> {
    delivered_to(&Pipeline::default(), bytes, room)
}

fn delivered_to(pipeline: &Pipeline, bytes: &[u8], room: usize) -> io::Result<Vec<u8>> {
    let mut wire = Incoming::new(Limits { row: 900, message: 1_000 });
    let (mut got, mut at) = (Vec::new(), 0);
    loop {
        let mut space = vec![0; room];
        let mut buffer = ReadBuf::new(&mut space);
        let used = wire.deliver(bytes.get(at..).unwrap(), &mut buffer, (pipeline, &Deadline::default()))?;
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
        (message(b'T', &[0; 1_001]), "1001 bytes"),
        (message(b'd', &[0; 1_001]), "1001 bytes"),
        (vec![b'T', 0xff, 0xff, 0xff, 0xff], "4294967291 bytes"),
        (vec![b'T', 0, 0, 0, 3], "without a length"),
    ] {
        let error = delivered(&bytes, 100).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// A DataRow of these values.
fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        match value {
            Some(value) => {
                body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend_from_slice(value);
            }
            None => body.extend((-1_i32).to_be_bytes()),
        }
    }
    message(b'D', &body)
}

/// What a receiver, which wants so many rows, and the driver get of these answers to a statement.
fn received(answers: &[u8], room: usize, wanted: usize) -> (Vec<String>, Vec<u8>, Pipeline) {
    let (pipeline, rows) = (Pipeline::default(), Arc::new(Mutex::new(Vec::new())));
    let taken = Arc::clone(&rows);
    pipeline.receive_rows(Box::new(move |row: Row<'_>| {
        let mut taken = taken.lock().unwrap();
        taken.push(format!("{row:?}"));
        if taken.len() < wanted { Flow::More } else { Flow::Stop }
    }));
    let (sent, got) = exchange(
        &pipeline,
        &[message(b'B', &[0, 0, 0, 1, 0, 1]), message(b'E', b""), message(b'S', b"")].concat(),
        answers,
        room,
    );
    assert!(sent.starts_with(&message(b'B', &[0, 0, 0, 1, 0, 0])), "values are texts");
    let rows = rows.lock().unwrap().clone();
    (rows, got.unwrap(), pipeline)
}

#[test]
fn rows_go_to_their_receiver_and_the_driver_sees_none() {
    let rows =
        [row(&[Some("é".as_bytes()), None, Some(b"")]), row(&[]), message(b'D', &vec![0; 70_001]), row(&[Some(b"x")])];
    let (columns, done) = (message(b'T', b"columns"), [message(b'C', b"SELECT 4"), message(b'Z', b"I")].concat());
    let answers = [columns.as_slice(), &rows.concat(), &done].concat();
    let values = ["Values([Some(\"é\"), None, Some(\"\")])", "Values([])", "TooLong(70001)", "Values([Some(\"x\")])"];
    for room in [1, 3, 64, 10_000] {
        let (got, passed, pipeline) = received(&answers, room, 9);
        assert_eq!((got, passed), (values.map(str::to_owned).to_vec(), [columns.as_slice(), &done].concat()), "{room}");
        assert!(!pipeline.rows_received().stopped);
        let (got, passed, pipeline) = received(&answers, room, 2);
        assert_eq!((got.len(), passed), (2, [columns.as_slice(), &done].concat()), "no more are wanted");
        let outcome = pipeline.rows_received();
        assert!(outcome.stopped && !outcome.is_too_much());
    }
}

#[test]
fn a_row_that_is_no_text_and_rows_that_are_too_many_become_an_error() {
    let done = message(b'Z', b"I");
    for bad in [row(&[Some(b"\xff")]), message(b'D', &[0, 1, 0, 0, 0, 9]), message(b'D', &[7])] {
        let (got, passed, pipeline) = received(&[row(&[]), bad.clone(), row(&[]), done.clone()].concat(), 100, 9);
        assert_eq!(got.len(), 1, "{bad:?}");
        assert!(String::from_utf8_lossy(&passed).contains("C22021") && passed.ends_with(&done));
        assert!(pipeline.rows_received().stopped);
    }
    let many = row(&[Some(&[b'x'; 800])]).repeat(2_000);
    let (got, passed, pipeline) = received(&[many, done.clone()].concat(), 1_000, 1);
    assert_eq!(got.len(), 1);
    assert!(String::from_utf8_lossy(&passed).matches("C57014").count() == 1 && passed.ends_with(&done));
    assert!(pipeline.rows_received().is_too_much());
}

/// What goes out when the driver sends these messages, and what the driver gets of the answers.
fn exchange(pipeline: &Pipeline, sent: &[u8], answers: &[u8], room: usize) -> (Vec<u8>, io::Result<Vec<u8>>) {
    let mut outgoing = super::super::pipeline::Outgoing::default();
    outgoing.take(&[0, 0, 0, 8, 0, 3, 0, 0], pipeline); // the start-up packet has no type
    outgoing.bytes.clear();
    for part in sent.chunks(room) {
        outgoing.take(part, pipeline);
    }
    (outgoing.bytes, delivered_to(pipeline, answers, room))
}

#[test]
fn the_start_and_the_end_of_a_transaction_travel_with_the_driver() {
    let (begun, ended) = (message(b'Q', b"BEGIN\0"), message(b'Q', b"END\0"));
    let close = [message(b'C', b"S1\0"), message(b'S', b"")].concat();
    let run =
        [message(b'P', &[b'E'; 300]), message(b'B', &[0, 0, 0, 1, 0, 1]), message(b'E', b"S"), message(b'S', b"")]
            .concat();
    let [started, closed] =
        [[message(b'C', b"x"), message(b'Z', b"T")].concat(), [message(b'3', b""), message(b'Z', b"T")].concat()];
    let rows = [message(b'D', b"row"), message(b'C', b"y")].concat();
    let (ready, idle) = (message(b'Z', b"T"), message(b'Z', b"I"));
    let rolled_back = [message(b'C', b"z"), message(b'D', b"own"), idle.clone()].concat();
    for room in [1, 4, 7, 10_000] {
        let pipeline = Pipeline::default();
        pipeline.begin("BEGIN".to_owned());
        pipeline.end_with("END".to_owned());
        let answers = [started.as_slice(), &closed, &rows, &ready, &rolled_back].concat();
        let (sent, got) = exchange(&pipeline, &[close.as_slice(), &run].concat(), &answers, room);
        assert_eq!(sent, [begun.as_slice(), &close, &run, &ended].concat(), "room for {room}");
        assert_eq!(got.unwrap(), [closed.as_slice(), &rows, &idle].concat(), "room for {room}");
        assert_eq!((pipeline.began(), pipeline.ended(), pipeline.is_ending()), (true, Some(true), false));
    }
}

#[test]
fn a_transaction_that_cannot_be_started_or_ended_is_noticed() {
    let run = [message(b'P', b"x"), message(b'E', b""), message(b'S', b"")].concat();
    let (error, ready) = (message(b'E', b"SERROR\0\0"), message(b'Z', b"I"));
    let begin = || {
        let pipeline = Pipeline::default();
        pipeline.begin("BEGIN".to_owned());
        pipeline.end_with("END".to_owned());
        pipeline
    };
    let pipeline = begin();
    let (_, got) = exchange(&pipeline, &run, &[error.as_slice(), &ready, &ready, &ready].concat(), 10_000);
    assert!(got.unwrap_err().to_string().contains("could not be started") && !pipeline.began());

    let pipeline = begin();
    let (_, got) = exchange(&pipeline, &run, &[ready.as_slice(), &ready, &error, &ready].concat(), 10_000);
    assert_eq!((got.unwrap(), pipeline.ended()), (ready, Some(false)), "the driver has its answer");

    let pipeline = begin();
    assert!(pipeline.take_back() && pipeline.before_message().is_none(), "nothing was sent, nothing is owed");
}
