use super::*;

#[test]
fn ten_failures_at_once_then_one_in_six_seconds_and_others_are_not_held_up() {
    let attempts = Attempts::default();
    let (guesser, other): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap());
    let start = Instant::now();
    for _ in 0..10 {
        assert_eq!(attempts.wait(guesser, start), None);
        attempts.failed(guesser, start);
    }
    assert_eq!(attempts.wait(guesser, start), Some(Duration::from_secs(6)));
    assert_eq!(attempts.wait("2001:db8::2".parse().unwrap(), start), Some(Duration::from_secs(6)), "the same /64");
    assert_eq!(attempts.wait(other, start), None);
    assert_eq!(attempts.wait(guesser, start + Duration::from_secs(6)), None);
    attempts.failed(guesser, start + Duration::from_secs(6));
    assert_eq!(attempts.wait(guesser, start + Duration::from_secs(7)), Some(Duration::from_secs(5)));
}

#[test]
fn the_memory_is_bounded_and_keeps_the_worst() {
    let attempts = Attempts::default();
    let now = Instant::now();
    let worst: IpAddr = "192.0.2.1".parse().unwrap();
    (0..20).for_each(|_| attempts.failed(worst, now));
    for n in 0..u32::try_from(MAX_ADDRESSES + 100).unwrap() {
        attempts.failed(IpAddr::V4((0x0a00_0000 + n).into()), now);
    }
    assert!(attempts.0.lock().unwrap().len() <= MAX_ADDRESSES);
    assert!(attempts.wait(worst, now).is_some());
}
