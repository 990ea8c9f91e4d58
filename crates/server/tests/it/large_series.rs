//! Series with more samples than are kept of one, from the socket to the sink.

use crate::support::{Daemon, SpyGraphite};

#[test]
fn a_busy_timer_and_a_large_set_are_sketches_and_counted_so() {
    let graphite = SpyGraphite::start();
    let config = "flush_interval = 3600\ntimer_values_max = 100\nset_members_max = 50\n";
    let sink = graphite.sink();
    let daemon = Daemon::configured(config, &["-b", "127.0.0.1:0", "-s", &sink]);
    let packets: Vec<String> = (1..=1_000)
        .map(|value| {
            let calm = if value <= 100 { format!("\ncalm:{value}|ms") } else { String::new() };
            format!("busy:{value}|ms\nmembers:{value}|s{calm}")
        })
        .collect();
    daemon.send(&packets);
    let (status, log) = daemon.stop();
    assert!(status.success());
    let lines = graphite.all_lines(&log);
    let value = |name: &str| {
        let line = lines.iter().find(|line| line.name == name);
        line.unwrap_or_else(|| panic!("no {name}")).value.parse::<f64>().unwrap()
    };
    let exact = ["count", "lower", "upper"].map(|leaf| value(&format!("stats.timers.busy.{leaf}")));
    assert_eq!(exact, [1_000.0, 1.0, 1_000.0]);
    let near = |found: f64, exact: f64, error: f64| (found - exact).abs() <= exact * error;
    assert!(near(value("stats.timers.busy.upper_90"), 900.0, 0.044));
    assert!(near(value("stats.timers.busy.mean"), 450.5, 0.044));
    assert_eq!(value("stats.timers.calm.mean"), 45.5);
    assert!(near(value("stats.sets.members.count"), 1_000.0, 0.025));
    assert_eq!(value("gstatsd.series.sketched"), 2.0);
}
