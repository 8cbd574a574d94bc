use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

#[test]
fn words_numbers_and_rows_of_keys_look_made_up() {
    for token in [
        "fireside-alice-2026",
        "aaaaaaaaaaaaaaaa",
        "demo-token-0123456789abcdef0123",
        "correct-horse-battery-staple-9",
        "Password1234567890",
        "FiresideAliceFleet2026x",
        "Fireside2026Alice01Token",
        "Wambui-Otieno-Nairobi-01",
        "ChangeMe-ChangeMe-2026",
        "TRACKSOLID_DB_2026_ALICE",
        "1234567890123456",
        "qwertyuiop123456",
        "0123456789abcdef0123456789abcdef",
        "a1a1a1a1a1a1a1a1a1a1a1a1",
    ] {
        assert!(looks_made_up(token), "{token}");
    }
    // As `openssl rand -hex 24`, `openssl rand -base64 24` and `uuidgen` have written them.
    for token in [
        "c2c5ebf4fa8beb27d4ba6c4d98d3d23a8ef5d55adf4d1e17",
        "Zk0bU3tJ8Qw1mV+x9PfLr2sYh7Nd4GcE",
        "9b2c7f2e-6f0d-4f3a-8e51-0a7d94c1b6e3",
    ] {
        assert!(!looks_made_up(token), "{token}");
    }
}

/// SplitMix64: the same numbers in every run, so that the rates are too.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 56) as u8).collect()
    }

    fn of(&mut self, alphabet: &str, count: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut one = || self.next().checked_rem(alphabet.len() as u64).unwrap() as usize;
        (0..count).map(|_| alphabet[one()]).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn uuid(random: &mut Random) -> String {
    let mut text = hex(&random.bytes(16));
    text.replace_range(12..13, "4");
    text.replace_range(16..17, &random.of("89ab", 1));
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

/// How many of 10,000 random tokens look made up, and how many may.
#[test]
fn random_tokens_seldom_look_made_up() {
    const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut random = Random(1);
    let mut rate = |what: &str, most: usize, make: &dyn Fn(&mut Random) -> String| {
        let warned = (0..10_000).filter(|_| looks_made_up(&make(&mut random))).count();
        println!("{what}: {warned} of 10,000");
        assert!(warned <= most, "{what}: {warned} of 10,000 look made up, more than {most}");
    };
    rate("openssl rand -hex 16", 9, &|random| hex(&random.bytes(16)));
    rate("openssl rand -hex 24", 9, &|random| hex(&random.bytes(24)));
    rate("openssl rand -hex 32", 9, &|random| hex(&random.bytes(32)));
    rate("openssl rand -base64 24", 9, &|random| STANDARD.encode(random.bytes(24)));
    rate("openssl rand -base64 32", 9, &|random| STANDARD.encode(random.bytes(32)));
    rate("uuidgen", 9, &uuid);
    rate("base62, 32 characters", 9, &|random| random.of(BASE62, 32));
    rate("base62, 22 characters", 20, &|random| random.of(BASE62, 22));
    // Few digits and one case leave little to see.
    rate("base32, 52 characters", 80, &|random| random.of(BASE32, 52));
    rate("base32, 32 characters", 300, &|random| random.of(BASE32, 32));
}
