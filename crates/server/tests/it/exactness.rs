//! Nothing is lost: a million samples from many source ports, equal to the unit.

use gstatsd_load::{Manifest, Plan, Weights};

use crate::support::{
    Daemon, GraphiteLine, SpyGraphite, accounting, assert_books_close, without_own,
};

#[test]
fn a_million_samples_arrive_exactly_at_one_worker() {
    million_samples(1);
}

#[test]
fn a_million_samples_arrive_exactly_at_two_workers() {
    million_samples(2);
}

fn million_samples(workers: usize) {
    let spy = SpyGraphite::start();
    let workers = workers.to_string();
    // One interval, closed by the end: every series comes out once.
    let daemon = Daemon::start(&[
        "-b",
        "127.0.0.1:0",
        "-s",
        &spy.sink(),
        "-f",
        "600",
        "-p",
        "100",
        "--workers",
        &workers,
    ]);
    let plan = Plan {
        seed: 7,
        samples: 1_000_000,
        keys: 1_000,
        kinds: Weights::default(),
        packet_bytes_max: Some(512),
        // Below what a machine of two busy cores takes without a drop.
        rate_per_second: Some(200_000.0),
        ports: 32,
        tagged_share: 0.25,
        sampled_share: 0.25,
    };
    let manifest = gstatsd_load::send(&plan, daemon.address()).unwrap();
    assert_eq!(manifest.samples, 1_000_000);
    let (status, log) = daemon.stop();
    assert!(status.success());

    let counts = accounting(&log);
    assert_books_close(&counts);
    assert_eq!(counts["datagrams.dropped.kernel"], 0, "sent too fast for this machine");
    assert_eq!(counts["datagrams.received"], i128::from(manifest.packets));
    assert_eq!(counts["lines.metric"], i128::from(manifest.lines));
    assert_eq!(counts["samples.aggregated"], i128::from(manifest.samples));
    // The rates depend on how long it took; the counts beside them are what was sent.
    let got: Vec<_> = without_rates(&spy.all_lines(&log), &manifest);
    assert_eq!(got, expected(&manifest));
}

/// The lines of users' metrics, without the rates of counters.
fn without_rates(lines: &[GraphiteLine], manifest: &Manifest) -> Vec<String> {
    let is_rate = |line: &GraphiteLine| {
        let key = line.name.strip_prefix("stats.").and_then(|name| manifest.keys.get(name));
        key.is_some_and(|key| key.kind == "c" || key.kind == "m")
    };
    let kept: Vec<_> = lines.iter().filter(|line| !is_rate(line)).cloned().collect();
    without_own(&kept)
}

/// What the manifest comes to in the gstatsd dialect with a percentile of 100.
#[expect(clippy::cast_precision_loss, reason = "the sums of a manifest are below 2^53")]
fn expected(manifest: &Manifest) -> Vec<String> {
    let mut lines = vec![format!("statsd.numStats {}", manifest.keys.len())];
    for (name, key) in &manifest.keys {
        match key.kind.as_str() {
            "c" | "m" => lines.push(format!("stats_counts.{name} {:.6}", key.sum as f64)),
            "g" => {
                for stem in ["stats", "stats_counts"] {
                    lines.push(format!("{stem}.{name} {:.6}", key.last.unwrap() as f64));
                }
            }
            "s" => lines.push(format!("stats.sets.{name}.count {}", key.members.unwrap())),
            _ => {
                let stem = format!("stats.timers.{name}");
                lines.push(format!("{stem}.count {}", key.samples));
                lines.push(format!("{stem}.lower {:.6}", key.lower as f64));
                lines.push(format!("{stem}.mean {:.6}", key.sum as f64 / key.samples as f64));
                lines.push(format!("{stem}.upper {:.6}", key.upper as f64));
                lines.push(format!("{stem}.upper_100 {:.6}", key.upper as f64));
            }
        }
    }
    lines.sort_unstable();
    lines
}
