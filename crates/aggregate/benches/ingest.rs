//! What a sample costs from memory, without a socket: parse, key and update.
//!
//! `cargo bench -p gstatsd-aggregate --bench ingest [-- KEYS [METRICS [KINDS]]]`; KINDS is
//! `mixed`, `c`, `ms`, `x2`, or `tags`: `mixed` with tags on a quarter, in the dogstatsd dialect.
//! Prints nanoseconds of the thread's CPU time a metric, the best of several passes. Times of two
//! runs cannot be compared; ratios within one can. Under callgrind it counts instructions.

#![expect(unsafe_code, reason = "the thread's own clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]

use std::time::Duration;

use gstatsd_aggregate::{Dialect, Limits, Naming, Order, Part, Table};

const PACKET_BYTES_MAX: usize = 1_432;
/// As many packets as the daemon receives at once.
const BATCH_PACKETS: usize = 32;
const PASSES: usize = 5;

fn main() {
    // Cargo passes `--bench` too.
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut numbers = words.iter().filter_map(|word| word.parse::<usize>().ok());
    let all = numbers.next().map_or(vec![1_000, 100_000, 1_000_000], |keys| vec![keys]);
    let metrics = numbers.next();
    println!("{:>9} {:>7} {:>10}", "keys", "kinds", "ns/metric");
    let wanted = words.iter().find(|word| word.parse::<usize>().is_err());
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted == name);
    for keys in all {
        let packets =
            |kinds: &[&str]| packets(keys, metrics.unwrap_or((4 * keys).max(1_000_000)), kinds);
        for (kinds, name) in [(MIXED, "mixed"), (&["c"], "c"), (&["ms"], "ms")] {
            if is_wanted(name) {
                let nanoseconds = measure(&packets(kinds), keys, Dialect::GSTATSD);
                println!("{keys:>9} {name:>7} {nanoseconds:>10.1}");
            }
        }
        if is_wanted("tags") {
            let packets = tagged(packets(MIXED));
            let nanoseconds = measure(&packets, keys, Dialect::DOGSTATSD);
            println!("{keys:>9} {:>7} {nanoseconds:>10.1}", "tags");
        }
        if is_wanted("x2") {
            println!("{keys:>9} {:>7} {:>10.2}", "x2", two_workers(&packets(MIXED), keys));
        }
    }
}

/// How many times as fast two workers on two cores are as one alone.
fn two_workers(packets: &[Vec<u8>], keys: usize) -> f64 {
    let measure = || measure(packets, keys, Dialect::GSTATSD);
    let alone = measure();
    let both: f64 = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(measure));
        workers.into_iter().map(|worker| worker.join().expect("it does not panic")).sum()
    });
    // Each did as much as the one alone, in the mean of their times.
    2.0 * alone / (both / 2.0)
}

/// 9 of 20 are counters, 7 timers, 3 gauges and 1 a set.
const MIXED: &[&str] = &[
    "c", "ms", "c", "ms", "c", "g", "ms", "c", "c", "ms", "g", "c", "ms", "c", "s", "ms", "c", "g",
    "c", "ms",
];

fn measure(packets: &[Vec<u8>], keys: usize, dialect: Dialect) -> f64 {
    let limits = Limits::new(2 * keys, usize::MAX);
    let mut table = Table::new(dialect, Naming::gstatsd("", 90.0, ""), limits);
    let mut spare = Some(Box::<Part>::default());
    let mut room = vec![Vec::new(); BATCH_PACKETS];
    let mut best = f64::INFINITY;
    // The first passes make the series and let both parts grow.
    for pass in 0..PASSES + 2 {
        let mut elapsed = Duration::ZERO;
        for batch in packets.chunks(BATCH_PACKETS) {
            // Into the same memory each time, as the kernel does.
            for (room, packet) in room.iter_mut().zip(batch) {
                room.clear();
                room.extend_from_slice(packet);
            }
            elapsed += take_in(&mut table, &room[..batch.len()]);
        }
        let mut part = table.rotate(spare.take().expect("the one of the last pass"));
        let metrics = part.counts.samples_received;
        assert_eq!(part.counts.lines_residual(), 0);
        part.clear();
        spare = Some(part);
        if pass >= 2 {
            best = best.min(elapsed.as_nanos() as f64 / metrics as f64);
        }
    }
    best
}

/// Takes in a batch of packets: what is measured, and counted by callgrind.
#[inline(never)]
fn take_in(table: &mut Table, packets: &[Vec<u8>]) -> Duration {
    let start = thread_time();
    table.batch(Order::default(), |batch| {
        for packet in packets {
            batch.packet(packet);
        }
    });
    thread_time().saturating_sub(start)
}

fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Linux, and the call writes nothing but the time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// The same packets with tags on the names of one key in four.
fn tagged(packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let packets = packets.into_iter().flat_map(|packet| {
        let (mut tagged, mut next) = (Vec::new(), Vec::new());
        for line in packet.split_inclusive(|byte| *byte == b'\n') {
            let (text, _) = line.split_at(line.len() - 1);
            let colon = text.iter().position(|byte| *byte == b':').unwrap_or_default();
            let has_tags = text[colon - 1].is_multiple_of(4);
            let tags: &[u8] = if has_tags { b"|#env:prod,region:eu-west-1" } else { b"" };
            if next.len() + line.len() + tags.len() > PACKET_BYTES_MAX {
                tagged.push(std::mem::take(&mut next));
            }
            next.extend([text, tags, b"\n"].concat());
        }
        tagged.push(next);
        tagged
    });
    packets.collect()
}

/// Packets that use keys in random order.
fn packets(keys: usize, metrics: usize, kinds: &[&str]) -> Vec<Vec<u8>> {
    let (mut packets, mut packet) = (Vec::new(), Vec::new());
    let mut random = 1_u64;
    for _ in 0..metrics {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let key = usize::try_from(random >> 33).unwrap_or(0) % keys;
        let value = random >> 40 & 1_023;
        let kind = kinds[key % kinds.len()];
        let rate = if kind != "g" && random >> 20 & 7 == 0 { "|@0.1" } else { "" };
        let line = format!("service.web{}.requests.{key:07}:{value}|{kind}{rate}\n", key % 100);
        if packet.len() + line.len() > PACKET_BYTES_MAX {
            packets.push(std::mem::take(&mut packet));
        }
        packet.extend_from_slice(line.as_bytes());
    }
    packets.push(packet);
    packets
}
