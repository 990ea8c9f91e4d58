//! What each dialect makes of a snapshot, and which names it keeps for itself.

use super::*;

const WINDOW: Window = Window { timestamp: 0, seconds: 10.0 };

fn naming(scheme: Scheme, prefix: &str, own: &str, series: SeriesSettings) -> Naming {
    let (prefix, own_metrics) = (prefix.to_owned(), own.to_owned());
    Naming::new(&NamingSettings { scheme, prefix, own_metrics, series, rules: Vec::new() })
}

fn gstatsd(prefix: &str, own: &str) -> Naming {
    Naming::gstatsd(prefix, 99.9, own)
}

fn statsd(namespace: Namespace) -> Naming {
    naming(Scheme::Statsd(namespace), "", "", SeriesSettings::default())
}

fn chosen(words: &[&str]) -> SeriesSettings {
    let words = words.iter().map(|&word| word.to_owned()).collect();
    SeriesSettings { statistics: Some(words), ..SeriesSettings::default() }
}

/// The lines of a snapshot, after a check that they are counted right.
fn lines(naming: &Naming, snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    naming.points(snapshot, |point| {
        lines.push(format!("{} {}", point.name.escape_ascii(), point.value.text()));
    });
    assert_eq!(lines.len() as u64, naming.point_count(snapshot), "{lines:#?}");
    lines
}

/// The names of the statistics of a timer of ten values, and those of one that is idle.
fn leaves(scheme: Scheme, kind: SeriesKind, series: SeriesSettings) -> [String; 2] {
    let naming = naming(scheme, "", "", series);
    let values: Vec<f64> = (1..=10).map(f64::from).collect();
    [&values[..], &[]].map(|values| {
        let mut snapshot = Snapshot::new(WINDOW);
        snapshot.push_values(kind, b"t", values);
        let lines = lines(&naming, &snapshot).into_iter();
        let leaf = |line: String| line.split_once("t.").map(|(_, leaf)| leaf.to_owned());
        let leaves: Vec<String> =
            lines.filter(|line| !line.contains("statsd.")).filter_map(leaf).collect();
        leaves.join(", ")
    })
}

fn two_of_each(tags: bool) -> Snapshot {
    let mut snapshot = Snapshot::new(WINDOW);
    let name: &[u8] = if tags { b"k\x1fa\x1fb\x1e2" } else { b"k" };
    snapshot.push_counter(name, 5.0);
    snapshot.push_gauge(name, 1.5);
    snapshot.push_set(name, [&b"x"[..], b"y"]);
    snapshot
}

#[test]
fn a_threshold_of_gstatsd_is_named_without_its_fraction() {
    for (percent, name) in [(99.9, "upper_99"), (0.5, "upper_0")] {
        let mut snapshot = Snapshot::new(WINDOW);
        snapshot.push_timer(b"t", &[1.0, 2.0]);
        let naming = Naming::gstatsd("", percent, "");
        let lines = lines(&naming, &snapshot).join(" ");
        assert!(lines.contains(&format!("stats.timers.t.{name} 2.000000")), "{lines}");
        let summary = naming.summary(&snapshot.series().next().unwrap()).unwrap();
        assert_eq!(summary.percentile, Some((name.to_owned(), 2.0)));
    }
}

#[test]
fn each_dialect_has_names_of_its_own() {
    let tagged = two_of_each(true);
    let expected = [
        "stats.app.k;a=true;b=2 0.500000",
        "stats_counts.app.k;a=true;b=2 5.000000",
        "stats.app.k;a=true;b=2 1.500000",
        "stats_counts.app.k;a=true;b=2 1.500000",
        "stats.sets.app.k.count;a=true;b=2 2",
        "statsd.numStats 3",
    ];
    assert_eq!(lines(&gstatsd("app", ""), &tagged), expected);

    let suffix = Namespace { suffix: "h1".to_owned(), ..Namespace::default() };
    let expected = [
        "stats.k.h1;a=true;b=2 0.5",
        "stats_counts.k.h1;a=true;b=2 5",
        "stats.gauges.k.h1;a=true;b=2 1.5",
        "stats.sets.k.count.h1;a=true;b=2 2",
    ];
    assert_eq!(lines(&statsd(suffix), &tagged)[..4], expected);

    for (value, text) in [(CounterValue::Sum, "5"), (CounterValue::Rate, "0.5")] {
        let dogstatsd =
            naming(Scheme::Dogstatsd(value), "my app", "own", SeriesSettings::default());
        let counter = format!("myapp.k;a=true;b=2 {text}");
        let expected = [&counter, "myapp.k;a=true;b=2 1.5", "myapp.k;a=true;b=2 2"];
        assert_eq!(lines(&dogstatsd, &tagged), expected);
    }
}

#[test]
fn the_new_namespace_has_levels_that_can_be_left_out() {
    let levels = ["", "C", "T", "", "S"].map(str::to_owned);
    let [global, counter, timer, gauge, set] = levels;
    let namespace = Namespace {
        legacy: false,
        global,
        counter,
        timer,
        gauge,
        set,
        flush_counts: false,
        ..Namespace::default()
    };
    let expected = ["C.k.rate 0.5", "k 1.5", "S.k.count 2", "C.statsd.bad_lines_seen.rate 0"];
    assert_eq!(lines(&statsd(namespace), &two_of_each(false))[..4], expected);
}

#[test]
fn the_statsd_dialect_tells_of_itself() {
    let mut snapshot = Snapshot::new(WINDOW);
    snapshot.counts.lines = 7;
    snapshot.counts.datagrams_received = 2;
    snapshot.counts.lines_rejected[0] = 1;
    snapshot.counts.samples_rejected[0] = 3;
    snapshot.number = 1;
    snapshot.times = Some(FlushTimes { lag: Some(-1.0), processing: Duration::from_micros(250) });
    let namespace = Namespace { internal: "me".to_owned(), ..Namespace::default() };
    let naming = statsd(namespace);
    let expected = [
        "stats.me.bad_lines_seen 0.4",
        "stats_counts.me.bad_lines_seen 4",
        "stats.me.packets_received 0.2",
        "stats_counts.me.packets_received 2",
        "stats.me.metrics_received 0.7",
        "stats_counts.me.metrics_received 7",
        "stats.gauges.me.timestamp_lag -1",
        "stats.me.processing_time 0.25",
        "me.numStats 4",
    ];
    assert_eq!(lines(&naming, &snapshot), expected);
    let stats = SinkStats {
        calculation: Duration::from_micros(1_500),
        flush_bytes: 4_096,
        flush: Duration::from_nanos(2_000_999),
        last_exception: 0,
        last_flush: 1_700_000_000,
    };
    let mut sink = Vec::new();
    naming.sink_points(&stats, |point| {
        sink.push(format!("{} {}", point.name.escape_ascii(), point.value.text()));
    });
    let expected = [
        "calculationtime 1.5",
        "last_exception 0",
        "last_flush 1700000000",
        "flush_time 2",
        "flush_length 4096",
    ];
    assert_eq!(sink, expected.map(|point| format!("stats.me.graphiteStats.{point}")));
    assert_eq!((naming.sink_point_count(), gstatsd("", "").sink_point_count()), (5, 0));
    // The first has no lag, and nothing was measured in a replay.
    (snapshot.number, snapshot.times) = (0, None);
    assert_eq!(lines(&naming, &snapshot)[6..], ["me.numStats 3"]);
}

#[test]
fn statistics_are_chosen_by_word_by_name_and_as_node_looks_for_them() {
    let statsd = || Scheme::Statsd(Namespace::default());
    let cases = [
        (chosen(&["count", "upper_90"]), "upper_90 9, count 10", "count 0"),
        (chosen(&["upper_99_percent", "median"]), "upper_99_9 10, median 5.5", ""),
        (chosen(&["lower_percent"]), "lower_top10 10", ""),
        (
            chosen(&["histogram", "count_ps"]),
            "count_ps 1, histogram.bin_0_5 0, histogram.bin_5 4, histogram.bin_inf 6",
            "count_ps 0",
        ),
        (chosen(&["histogram.bin_5"]), "histogram.bin_5 4", ""),
        (chosen(&[]), "", ""),
    ];
    for (settings, expected, idle) in cases {
        let percents = vec![90.0, 99.9, -10.0, 90.0, 2.0];
        let buckets = vec![0.5, 5.0, f64::INFINITY];
        let settings = SeriesSettings { percents, buckets, ..settings };
        assert_eq!(leaves(statsd(), SeriesKind::Timer, settings), [expected, idle]);
    }
}

#[test]
fn a_word_that_can_choose_nothing_is_not_known() {
    let statsd = Scheme::Statsd(Namespace::default());
    let dogstatsd = Scheme::Dogstatsd(CounterValue::Sum);
    let known = ["upper_95", "upper_99_9", "lower_top10", "upper_99_percent", "histogram.bin_5"];
    for word in known.into_iter().chain(statsd.statistics()) {
        assert!(statsd.knows_statistic(word), "{word}");
    }
    for word in ["", "average", "upper_", "upper_top10", "lower_90", "std_90", "90", "upper_x9"] {
        assert!(!statsd.knows_statistic(word), "{word}");
    }
    for word in ["avg", "min", "percentile", "95percentile", "99_9percentile", "p99", "p99_9"] {
        assert!(dogstatsd.knows_statistic(word), "{word}");
    }
    for word in ["mean", "upper_90", "p", "95"] {
        assert!(!dogstatsd.knows_statistic(word), "{word}");
    }
    assert!(Scheme::Gstatsd.knows_statistic("upper_99"));
    assert_eq!(dogstatsd.usual_statistics().join(" "), "count avg median max percentile histogram");
}

#[test]
fn histograms_and_distributions_are_named_as_datadog_names_them() {
    let settings = SeriesSettings { percents: vec![95.0, 99.9], ..SeriesSettings::default() };
    let dogstatsd = || Scheme::Dogstatsd(CounterValue::Sum);
    let common = "count 10, avg 5.5, median 5, max 10";
    for kind in [SeriesKind::Histogram, SeriesKind::Timer] {
        let expected = format!("{common}, 95percentile 10, 99_9percentile 10");
        assert_eq!(leaves(dogstatsd(), kind, settings.clone()), [expected, "count 0".to_owned()]);
    }
    let expected = format!("{common}, p50 5, p75 8, p90 9, p95 10, p99 10");
    let [distribution, _] = leaves(dogstatsd(), SeriesKind::Distribution, settings);
    assert_eq!(distribution, expected);
    let [chosen, _] = leaves(dogstatsd(), SeriesKind::Distribution, chosen(&["min", "sum", "p75"]));
    assert_eq!(chosen, "min 1, sum 55, p75 8");
}

#[test]
fn a_series_has_the_settings_of_its_number() {
    let of_rule = SeriesSettings { percents: vec![50.0], ..chosen(&["upper_percent"]) };
    let naming = Naming::new(&NamingSettings {
        scheme: Scheme::Gstatsd,
        prefix: String::new(),
        own_metrics: String::new(),
        series: chosen(&["count"]),
        rules: vec![of_rule],
    });
    for (settings, expected) in [(0, "count 2"), (1, "upper_50 1.000000"), (9, "count 2")] {
        let mut snapshot = Snapshot::new(WINDOW);
        snapshot.push_timer(b"t", &[1.0, 2.0]);
        snapshot.timers[0].settings = settings;
        let expected = [format!("stats.timers.t.{expected}"), "statsd.numStats 1".to_owned()];
        assert_eq!(lines(&naming, &snapshot), expected);
    }
}

#[test]
fn only_what_would_come_out_among_our_own_is_reserved() {
    let cases = [
        ("gstatsd", "", SeriesKind::Counter, "gstatsd.lines", false),
        ("stats.own", "", SeriesKind::Counter, "own.lines", true),
        ("stats.own", "", SeriesKind::Counter, "owner", false),
        ("stats.own", "", SeriesKind::Timer, "own.lines", false),
        ("stats.timers.own", "", SeriesKind::Timer, "own.x", true),
        ("stats.timers.own", "", SeriesKind::Timer, "own", true),
        ("stats.sets.own", "", SeriesKind::Set, "own.x", true),
        ("stats_counts.own", "", SeriesKind::Gauge, "own.x", true),
        ("stats.app.own", "app", SeriesKind::Gauge, "own.x", true),
        ("", "", SeriesKind::Counter, "own.lines", false),
    ];
    for (own, prefix, kind, name, reserved) in cases {
        let naming = gstatsd(prefix, own);
        assert_eq!(naming.is_reserved(kind, name.as_bytes()), reserved, "{own} {name}");
    }
    let dogstatsd =
        naming(Scheme::Dogstatsd(CounterValue::Sum), "", "own", SeriesSettings::default());
    for (name, reserved) in [("own.x", true), (".own..x", true), ("own", false), ("owner.x", false)]
    {
        assert_eq!(dogstatsd.is_reserved(SeriesKind::Gauge, name.as_bytes()), reserved, "{name}");
    }
}

#[test]
fn internal_names_of_the_statsd_dialect_are_reserved_where_they_come_out() {
    use SeriesKind::{Counter, Gauge, Set, Timer};
    let new = Namespace { legacy: false, ..Namespace::default() };
    let flat = Namespace { counter: String::new(), ..new.clone() };
    let cases = [
        (Namespace::default(), Counter, "statsd.bad_lines_seen", true),
        (Namespace::default(), Counter, "statsd.bad_lines_seen.x", false),
        (Namespace::default(), Counter, "statsd.bad_lines_seen\x1fa\x1eb", false),
        (Namespace::default(), Counter, "statsd.processing_time", true),
        (Namespace::default(), Counter, "statsd.graphiteStats.last_flush", true),
        (Namespace::default(), Counter, "gauges.statsd.timestamp_lag", true),
        (Namespace::default(), Counter, "statsd.timestamp_lag", false),
        (Namespace::default(), Gauge, "statsd.timestamp_lag", true),
        (Namespace::default(), Gauge, "statsd.bad_lines_seen", false),
        (Namespace::default(), Timer, "statsd.bad_lines_seen", false),
        (Namespace::default(), Set, "statsd.packets_received", false),
        (new.clone(), Counter, "statsd.packets_received", true),
        (new.clone(), Counter, "statsd.numStats", false),
        (new, Counter, "statsd.processing_time", false),
        (flat.clone(), Counter, "statsd.packets_received", true),
        (flat, Counter, "statsd.numStats", false),
    ];
    for (namespace, kind, name, reserved) in cases {
        let naming = statsd(namespace.clone());
        assert_eq!(naming.is_reserved(kind, name.as_bytes()), reserved, "{name} {namespace:?}");
    }
}

#[test]
fn a_distribution_is_a_timer_to_dialects_that_have_none() {
    for scheme in [Scheme::Gstatsd, Scheme::Statsd(Namespace::default())] {
        let of = |kind| leaves(scheme.clone(), kind, SeriesSettings::default());
        assert_eq!(of(SeriesKind::Distribution), of(SeriesKind::Timer));
    }
}
