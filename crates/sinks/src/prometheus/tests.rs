//! What a scrape shows of snapshots.

use gstatsd_aggregate::{OwnPoint, Window, write_series};
use gstatsd_wire::Tag;
use prost::Message as _;

use super::exposition::MetricFamily;
use super::*;

fn window() -> Snapshot {
    Snapshot::new(Window { timestamp: 1_700_000_010, seconds: 10.0 })
}

fn sink(idle_flushes_max: u32) -> (Prometheus, Scrape) {
    let timers = TimerForm::Summary(vec![0.5, 0.99]);
    let (seconds, quantile_flushes_max) = (true, 2);
    Prometheus::new(PrometheusSettings {
        timers,
        seconds,
        idle_flushes_max,
        quantile_flushes_max,
        text_bytes_max: 1 << 20,
    })
}

#[test]
fn series_without_room_are_refused_and_counted_and_the_others_stay_exact() {
    let settings = PrometheusSettings {
        timers: TimerForm::Summary(Vec::new()),
        seconds: false,
        idle_flushes_max: 1,
        quantile_flushes_max: 1,
        text_bytes_max: 40,
    };
    let (mut sink, scrape) = Prometheus::new(settings);
    let naming = Naming::gstatsd("", 90.0, "me");
    let send = |sink: &mut Prometheus, names: [&[u8]; 2]| {
        let mut snapshot = window();
        names.iter().for_each(|name| snapshot.push_counter(name, 1.0));
        sink.send(&snapshot, &naming).unwrap();
    };
    // 17 bytes are that of the count, and each name has two more than its letters.
    send(&mut sink, [b"first.of.all", b"second.of.all"]);
    send(&mut sink, [b"first.of.all", b"second.of.all"]);
    assert_eq!(lines(&scrape), ["first_of_all_total 2", "me_page_refused 1"]);
    // Once the first is gone there is room.
    send(&mut sink, [b"c", b"d"]);
    send(&mut sink, [b"c", b"second.of.all"]);
    let expected = ["c_total 2", "me_page_refused 2", "second_of_all_total 1"];
    assert_eq!(lines(&scrape), expected);
}

fn send(sink: &mut Prometheus, snapshot: &Snapshot) {
    sink.send(snapshot, &Naming::gstatsd("", 90.0, "")).unwrap();
}

fn text(scrape: &Scrape, format: Format) -> String {
    let (mut exposition, mut text) = (scrape.exposition(format), Vec::new());
    while exposition.write(&mut text) {}
    assert!(!exposition.write(&mut text));
    String::from_utf8(text).unwrap()
}

/// Without the comments.
fn lines(scrape: &Scrape) -> Vec<String> {
    let text = text(scrape, Format::Text);
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn tagged(name: &str, key: &str, value: &str) -> Vec<u8> {
    let mut text = Vec::new();
    let mut tags = vec![Tag { key: key.as_bytes(), value: Some(value.as_bytes()) }];
    write_series(name.as_bytes(), &mut tags, &mut text);
    text
}

#[test]
fn counters_and_timers_add_up_and_gauges_are_the_last() {
    let (mut sink, scrape) = sink(5);
    let mut first = window();
    first.push_counter(b"hits", 3.0);
    first.push_timer(b"render", &[1_000.0, 2_000.0, 4_000.0]);
    first.push_values(SeriesKind::Distribution, b"items", &[2.0]);
    first.push_gauge(b"load", 0.5);
    first.push_set(b"users", [&b"a"[..], b"b"]);
    first.own.push(OwnPoint { name: "gstatsd.lines.received".into(), value: 7 });
    assert_eq!((sink.point_counter())(&first, &Naming::gstatsd("", 90.0, "")), 6);
    send(&mut sink, &first);
    let expected = [
        "gstatsd_lines_received 7",
        "hits_total 3",
        "items{quantile=\"0.5\"} 2",
        "items{quantile=\"0.99\"} 2",
        "items_sum 2",
        "items_count 1",
        "load 0.5",
        "render{quantile=\"0.5\"} 2",
        "render{quantile=\"0.99\"} 4",
        "render_sum 7",
        "render_count 3",
        "users 2",
    ];
    assert_eq!(lines(&scrape), expected);
    let mut second = window();
    second.push_counter(b"hits", 0.5);
    second.push_timer(b"render", &[8_000.0]);
    second.push_gauge(b"load", -1.0);
    send(&mut sink, &second);
    let changed = [
        "hits_total 3.5",
        "load -1",
        "render{quantile=\"0.5\"} 8",
        "render{quantile=\"0.99\"} 8",
        "render_sum 15",
        "render_count 4",
    ];
    let now = lines(&scrape);
    let news: Vec<_> = now.iter().filter(|line| !expected.contains(&line.as_str())).collect();
    assert_eq!((now.len(), news), (expected.len(), changed.map(str::to_owned).iter().collect()));
    // The quantiles of the first interval are too old by then.
    send(&mut sink, &second);
    assert!(lines(&scrape).contains(&"items{quantile=\"0.99\"} NaN".to_owned()));
    assert!(lines(&scrape).contains(&"render{quantile=\"0.99\"} 8".to_owned()));
}

#[test]
fn samples_with_a_rate_count_as_often_as_it_says() {
    assert_eq!(weighted_sum(Values::Exact(&[1.0, 3.0]), 20.0), 40.0);
    assert_eq!(weighted_sum(Values::Exact(&[0.1, 0.2]), 2.0), 0.1 + 0.2);
    assert_eq!(weighted_sum(Values::Exact(&[]), 0.0), 0.0);
    assert_eq!(weighted_sum(Values::Exact(&[f64::MAX, f64::MAX]), 2.0), f64::MAX);
}

#[test]
fn heads_stand_once_for_each_family_and_a_name_of_two_kinds_is_two_families() {
    let (mut sink, scrape) = sink(5);
    let mut snapshot = window();
    snapshot.push_gauge(b"a", 1.0);
    snapshot.push_counter(b"a", 2.0);
    snapshot.push_counter(&tagged("a", "env", "prod"), 3.0);
    snapshot.push_timer(b"a", &[]);
    send(&mut sink, &snapshot);
    let text = text(&scrape, Format::OpenMetrics);
    let expected = "\
# HELP a Sum of what was counted.
# TYPE a counter
a_total 2
a_created 1700000000
a_total{env=\"prod\"} 3
a_created{env=\"prod\"} 1700000000
# HELP a_as_timer Values since the start; quantiles of the last interval with any.
# TYPE a_as_timer summary
a_as_timer{quantile=\"0.5\"} NaN
a_as_timer{quantile=\"0.99\"} NaN
a_as_timer_sum 0
a_as_timer_count 0
# HELP a_as_value Last value.
# TYPE a_as_value gauge
a_as_value 1
# EOF
";
    assert_eq!(text, expected);
}

#[test]
fn series_that_are_one_to_prometheus_are_one_whatever_their_order() {
    let names: [&[u8]; 3] = [b"a.b", b"a-b", b"a_b"];
    for start in 0..names.len() {
        let (mut sink, scrape) = sink(5);
        let mut snapshot = window();
        for (place, name) in names.iter().enumerate() {
            let rotated = f64::from(u8::try_from((place + start) % names.len()).unwrap());
            snapshot.push_counter(name, rotated);
            snapshot.push_gauge(&[b"g.", *name].concat(), rotated);
        }
        send(&mut sink, &snapshot);
        assert_eq!(lines(&scrape), ["a_b_total 3", "g_a_b 2"]);
    }
}

#[test]
fn what_is_idle_for_long_is_forgotten_and_the_rest_keeps_its_total() {
    let (mut sink, scrape) = sink(2);
    let mut both = window();
    both.push_counter(b"old", 1.0);
    both.push_timer(b"old.time", &[1.0]);
    both.push_counter(b"new", 1.0);
    both.push_timer(b"new.time", &[1_000.0]);
    send(&mut sink, &both);
    let mut one = window();
    one.push_counter(b"new", 1.0);
    one.push_timer(b"new.time", &[1_000.0]);
    send(&mut sink, &one);
    assert_eq!(lines(&scrape).len(), 10);
    send(&mut sink, &one);
    assert_eq!(sink.shared.lock().from(b"", 9).count(), 2);
    let expected = |seconds: u32| {
        [
            format!("new_total {seconds}"),
            "new_time{quantile=\"0.5\"} 1".to_owned(),
            "new_time{quantile=\"0.99\"} 1".to_owned(),
            format!("new_time_sum {seconds}"),
            format!("new_time_count {seconds}"),
        ]
    };
    assert_eq!(lines(&scrape), expected(3));
    // It counts anew.
    send(&mut sink, &both);
    assert!(lines(&scrape).contains(&"old_total 1".to_owned()));
    assert!(lines(&scrape).contains(&"new_total 4".to_owned()));
}

#[test]
fn a_scrape_that_is_read_slowly_gets_every_series_once() {
    let (mut sink, scrape) = sink(99);
    let snapshot_of = |numbers: std::ops::Range<usize>| {
        let mut snapshot = window();
        for number in numbers {
            snapshot.push_counter(format!("counter.{number:05}").as_bytes(), 1.0);
        }
        snapshot
    };
    send(&mut sink, &snapshot_of(5_000..10_000));
    let (mut exposition, mut text) = (scrape.exposition(Format::Text), Vec::new());
    let mut pieces = 1;
    while exposition.write(&mut text) {
        pieces += 1;
        // Others come meanwhile, before and behind what was read.
        send(&mut sink, &snapshot_of(pieces * 10..pieces * 10 + 5));
        send(&mut sink, &snapshot_of(10_000 + pieces..10_001 + pieces));
    }
    assert!(pieces > 5, "{pieces}");
    let text = String::from_utf8(text).unwrap();
    for number in 5_000..10_000 {
        let line = format!("\ncounter_{number:05}_total 1\n");
        assert_eq!(text.matches(&line).count(), 1, "{number}");
    }
}

#[test]
fn the_format_is_the_one_that_is_asked_for() {
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2,*/*;q=0.1";
    assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
    for accept in ["", "*/*", "text/plain", "text/html, */*;q=0.8", ";,;", "application/json"] {
        assert_eq!(Format::accepted(accept), Format::Text, "{accept}");
    }
}

/// A page of one timer in two intervals, with a tag.
fn timed(timers: TimerForm) -> Scrape {
    let (mut sink, scrape) = Prometheus::new(PrometheusSettings {
        timers,
        seconds: true,
        idle_flushes_max: 5,
        quantile_flushes_max: 2,
        text_bytes_max: 1 << 20,
    });
    for values in [&[4.0, 20.0, 30.0][..], &[50.0, 7_000.0]] {
        let mut snapshot = window();
        snapshot.push_timer(&tagged("t", "a", "x\"y"), values);
        send(&mut sink, &snapshot);
    }
    scrape
}

#[test]
fn classic_histograms_count_what_is_up_to_each_bound_since_the_start() {
    let scrape = timed(TimerForm::Histogram(vec![0.02, 1.0]));
    let expected = "\
# HELP t Values since the start.
# TYPE t histogram
t_bucket{a=\"x\\\"y\",le=\"0.02\"} 2
t_bucket{a=\"x\\\"y\",le=\"1\"} 4
t_bucket{a=\"x\\\"y\",le=\"+Inf\"} 5
t_sum{a=\"x\\\"y\"} 7.104
t_count{a=\"x\\\"y\"} 5
";
    assert_eq!(text(&scrape, Format::Text), expected);
}

#[test]
fn a_text_of_native_histograms_has_sums_and_counts() {
    let scrape = timed(TimerForm::Native);
    assert_eq!(lines(&scrape), ["t_sum{a=\"x\\\"y\"} 7.104", "t_count{a=\"x\\\"y\"} 5"]);
    let text = text(&scrape, Format::OpenMetrics);
    assert!(text.contains("# TYPE t summary\n"), "{text}");
}

/// The messages of a page.
fn families(scrape: &Scrape) -> Vec<MetricFamily> {
    let (mut exposition, mut bytes) = (scrape.exposition(Format::Protobuf), Vec::new());
    while exposition.write(&mut bytes) {}
    let (mut rest, mut families) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    families
}

#[test]
fn messages_have_what_a_text_has_and_native_histograms_too() {
    let native = &families(&timed(TimerForm::Native))[0];
    let histogram = native.metric[0].histogram.as_ref().unwrap();
    assert_eq!((native.kind, &*native.name), (4, "t"));
    assert_eq!((histogram.sample_count, histogram.sample_sum), (5, 7.104));
    assert_eq!((histogram.schema, histogram.zero_count), (3, 0));
    let mut counts = vec![0];
    for delta in &histogram.positive_delta {
        counts.push(counts.last().unwrap() + delta);
    }
    assert_eq!(counts.iter().sum::<i64>(), 5);
    let classic = &families(&timed(TimerForm::Histogram(vec![0.02, 1.0])))[0].metric[0];
    let label = &classic.label[0];
    assert_eq!((&*label.name, &*label.value), ("a", "x\"y"));
    let buckets = &classic.histogram.as_ref().unwrap().bucket;
    let buckets: Vec<_> =
        buckets.iter().map(|bucket| (bucket.upper_bound, bucket.cumulative_count)).collect();
    assert_eq!(buckets, [(0.02, 2), (1.0, 4)]);
    let (mut sink, scrape) = sink(5);
    let mut all = window();
    all.push_counter(b"c", 3.0);
    all.push_gauge(b"g", -1.5);
    all.push_timer(b"t", &[1_000.0]);
    all.own.push(OwnPoint { name: "me".into(), value: 7 });
    send(&mut sink, &all);
    let found = families(&scrape);
    let names: Vec<_> = found.iter().map(|family| (&*family.name, family.kind)).collect();
    assert_eq!(names, [("c_total", 0), ("g", 1), ("me", 3), ("t", 2)]);
    let single = |family: usize| {
        let metric = &found[family].metric[0];
        metric.counter.or(metric.gauge).or(metric.untyped).unwrap().value
    };
    assert_eq!([single(0), single(1), single(2)], [3.0, -1.5, 7.0]);
    let summary = found[3].metric[0].summary.as_ref().unwrap();
    assert_eq!((summary.sample_count, summary.sample_sum, summary.quantile.len()), (1, 1.0, 2));
}

#[test]
fn a_large_family_is_several_messages_and_each_series_stands_in_one() {
    let (mut sink, scrape) = sink(5);
    let mut snapshot = window();
    for number in 0..5_000 {
        snapshot.push_counter(&tagged("c", "n", &number.to_string()), f64::from(number));
    }
    send(&mut sink, &snapshot);
    let families = families(&scrape);
    assert!(families.len() > 1 && families.iter().all(|family| family.name == "c_total"));
    let series: std::collections::BTreeSet<_> = families
        .iter()
        .flat_map(|family| &family.metric)
        .map(|metric| (metric.label[0].value.clone(), metric.counter.unwrap().value.to_string()))
        .collect();
    assert_eq!(series.len(), 5_000);
    assert!(series.iter().all(|(label, value)| label == value));
}

#[test]
fn protobuf_is_given_to_who_asks_for_these_messages() {
    let wanted = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                  encoding=delimited;q=0.7,text/plain;q=0.5";
    assert_eq!(Format::accepted(wanted), Format::Protobuf);
    let other = "application/vnd.google.protobuf;proto=other.Message;encoding=delimited,*/*;q=0.1";
    assert_eq!(Format::accepted(other), Format::Text);
}
