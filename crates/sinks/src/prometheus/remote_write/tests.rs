//! What is written of snapshots.

use gstatsd_aggregate::{DatedReading, SeriesKind, Window, write_series};
use gstatsd_wire::Tag;
use prost::Message as _;

use super::samples::{TimeSeries, WriteRequest};
use super::*;
use crate::pieces::Encoder as _;
use crate::prometheus::TimerForm;

fn page(idle_flushes_max: u32) -> (Prometheus, Scrape) {
    Prometheus::new(PrometheusSettings {
        timers: TimerForm::Summary(vec![0.5]),
        seconds: true,
        idle_flushes_max: idle_flushes_max + 1,
        quantile_flushes_max: 1,
        text_bytes_max: 1 << 20,
    })
}

fn snapshot(timestamp: i64) -> Snapshot {
    Snapshot::new(Window { timestamp, seconds: 10.0 })
}

fn tagged(name: &str, tags: &[(&str, &str)]) -> Vec<u8> {
    let mut text = Vec::new();
    let tag = |(key, value): &(&'static str, &'static str)| Tag {
        key: key.as_bytes(),
        value: Some(value.as_bytes()),
    };
    let tags: Vec<(&'static str, &'static str)> = tags
        .iter()
        .map(|(key, value)| {
            let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into()) };
            (leak(key), leak(value))
        })
        .collect();
    write_series(name.as_bytes(), &mut tags.iter().map(tag).collect(), &mut text);
    text
}

/// What is written, as `name{labels} value timestamp`, where a marker is `end`; and the points of
/// the pieces, which are of so many bytes.
fn written(
    scrape: &Scrape,
    snapshot: &Snapshot,
    labels: &[(String, String)],
    bytes: usize,
) -> (Vec<String>, [u64; 3]) {
    let mut samples = Samples::new(scrape, snapshot, labels);
    let (mut lines, mut sums) = (Vec::new(), [0; 3]);
    loop {
        let mut body = Vec::new();
        // As after an error.
        samples.seek(sums[0]);
        let piece = samples.piece(bytes, &mut body);
        if piece.entries == 0 {
            return (lines, sums);
        }
        for (sum, more) in sums.iter_mut().zip([piece.entries, piece.points, piece.unencodable]) {
            *sum += more;
        }
        for TimeSeries { labels, samples } in WriteRequest::decode(&body[..]).unwrap().timeseries {
            assert!(labels.is_sorted_by(|left, right| left.name < right.name), "{labels:?}");
            let labels: Vec<_> =
                labels.iter().map(|label| format!("{}={:?}", label.name, label.value)).collect();
            let value = match samples[0].value.to_bits() {
                0x7ff0_0000_0000_0002 => "end".to_owned(),
                _ => samples[0].value.to_string(),
            };
            lines.push(format!("{} {value} {}", labels.join(","), samples[0].timestamp));
        }
    }
}

fn send(page: &mut Prometheus, snapshot: &Snapshot) {
    page.send(snapshot, &Naming::gstatsd("", 90.0, "")).unwrap();
}

#[test]
fn series_have_the_names_labels_and_values_of_the_page() {
    let (mut page, scrape) = page(5);
    let mut first = snapshot(1_700_000_010);
    first.push_counter(b"a", 3.0);
    first.push_counter(&tagged("a", &[("env", "x\"y\\z\nü"), ("A", "1"), ("none", "")]), 1.0);
    first.push_gauge(b"a", -0.5);
    first.push_timer(b"t", &[1_000.0, 2_000.0, 4_000.0]);
    first.push_set(b"s", [&b"m"[..]]);
    send(&mut page, &first);
    let mut second = snapshot(1_700_000_020);
    second.push_counter(b"a", 4.0);
    send(&mut page, &second);
    let external = [("env".to_owned(), "test".to_owned()), ("zone".to_owned(), "z".to_owned())];
    let plain = "__name__";
    let ours = r#"env="test",zone="z""#;
    let now = 1_700_000_020_000_i64;
    let expected = [
        format!("{plain}=\"a_total\",{ours} 7 {now}"),
        format!(r#"A="1",{plain}="a_total",env="x\"y\\z\nü",zone="z" 1 {now}"#),
        format!("{plain}=\"a_as_value\",{ours} -0.5 {now}"),
        format!("{plain}=\"s\",{ours} 1 {now}"),
        format!("{plain}=\"t\",env=\"test\",quantile=\"0.5\",zone=\"z\" end {now}"),
        format!("{plain}=\"t_sum\",{ours} 7 {now}"),
        format!("{plain}=\"t_count\",{ours} 3 {now}"),
    ];
    for bytes in [1, 100, 200, usize::MAX] {
        let (lines, sums) = written(&scrape, &second, &external, bytes);
        assert_eq!(lines, expected, "{bytes}");
        // Only one of them had news.
        assert_eq!(sums, [5, 1, 0]);
    }
}

#[test]
fn an_idle_series_ends_with_a_marker_and_its_quantiles_sooner() {
    let (mut page, scrape) = page(2);
    let mut first = snapshot(10);
    first.push_timer(b"t", &[1_000.0]);
    first.push_counter(b"c", 1.0);
    send(&mut page, &first);
    let mut ends = Vec::new();
    for flush in 2..=5 {
        let mut other = snapshot(flush * 10);
        other.push_counter(b"d", 1.0);
        send(&mut page, &other);
        let (lines, _) = written(&scrape, &other, &[], usize::MAX);
        ends.push(lines.iter().filter(|line| line.contains(" end ")).count());
        let expected = [5, 4, 1, 1][usize::try_from(flush).unwrap() - 2];
        assert_eq!(lines.len(), expected, "{lines:?}");
    }
    // First the quantile, then the sum, the count and the counter.
    assert_eq!(ends, [1, 3, 0, 0]);
}

#[test]
fn samples_with_a_second_of_their_own_are_gauges_in_requests_apart() {
    let (mut page, scrape) = page(2);
    let mut one = snapshot(1_700_000_010);
    one.push_gauge(b"g", 1.0);
    for (kind, second) in [(SeriesKind::Counter, 5), (SeriesKind::Gauge, 7)] {
        let dated = DatedReading { kind, name: b"old"[..].into(), second, value: 7.0 };
        one.dated.push(dated);
    }
    send(&mut page, &one);
    let mut samples = Samples::new(&scrape, &one, &[]);
    let mut body = Vec::new();
    assert_eq!(samples.piece(usize::MAX, &mut body).entries, 1);
    let (lines, sums) = written(&scrape, &one, &[], usize::MAX);
    assert_eq!(lines, ["__name__=\"g\" 1 1700000010000", "__name__=\"old\" 7 7000"]);
    assert_eq!(sums, [3, 2, 1]);
}

#[test]
fn a_preview_has_a_line_for_each_sample() {
    let http = HttpSettings {
        url: "http://127.0.0.1:1/api/v1/write".to_owned(),
        headers: Vec::new(),
        timeout: std::time::Duration::from_secs(1),
        gzip: true,
        tls: None,
    };
    let page = PrometheusSettings {
        timers: TimerForm::Summary(vec![0.5]),
        seconds: false,
        idle_flushes_max: 1,
        quantile_flushes_max: 1,
        text_bytes_max: 1 << 20,
    };
    #[expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]
    let clock = Clock { now: std::time::Instant::now, wall: std::time::SystemTime::now };
    let labels = vec![("zone".to_owned(), "z".to_owned())];
    let sink = RemoteWrite::new(RemoteWriteSettings { http, page, labels }, clock);
    let mut one = snapshot(10);
    one.push_timer(b"t", &[4.0]);
    let mut lines = Vec::new();
    let naming = Naming::gstatsd("", 90.0, "");
    sink.preview(&one, &naming, &mut |line| lines.push(line.to_owned()));
    let expected = [
        "t{quantile=\"0.5\",zone=\"z\"} 4 10000",
        "t_sum{zone=\"z\"} 4 10000",
        "t_count{zone=\"z\"} 1 10000",
    ];
    assert_eq!(lines, expected);
    assert_eq!((sink.point_counter())(&one, &naming), 1);
}
