//! What requests hold.

use gstatsd_aggregate::{DatedReading, OwnPoint, SeriesKind, Window, write_series};
use gstatsd_wire::Tag;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message as _;

use super::*;
use crate::Secret;
use crate::pieces::Encoder as _;

#[expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]
const CLOCK: Clock = Clock { now: Instant::now, wall: std::time::SystemTime::now };

fn sink(temporality: Temporality) -> Otlp {
    let http = HttpSettings {
        url: "http://127.0.0.1:4318/v1/metrics".to_owned(),
        headers: vec![("api-key".to_owned(), Secret::new("s3cret"))],
        timeout: Duration::from_secs(1),
        gzip: false,
        tls: None,
    };
    let resource = vec![("service.name".to_owned(), "shop".to_owned())];
    let transport = OtlpTransport::Http;
    Otlp::new(OtlpSettings { transport, http, temporality, resource, idle_seconds: 60 }, CLOCK)
}

fn naming() -> Naming {
    Naming::gstatsd("", 90.0, "me")
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::new(Window { timestamp: 1_700_000_010, seconds: 10.0 });
    let mut tagged = Vec::new();
    let mut tags =
        vec![Tag { key: b"env", value: Some(b"pro\"d") }, Tag { key: b"flag", value: None }];
    write_series(b"hits", &mut tags, &mut tagged);
    snapshot.push_counter(b"hits", 3.0);
    snapshot.push_counter(&tagged, 0.5);
    snapshot.push_counter(b"balance", -2.0);
    snapshot.push_gauge(b"load", -0.25);
    snapshot.push_set(b"users", [&b"a"[..], b"b"]);
    snapshot.push_timer(b"render", &[1.0, 2.0, 4.0]);
    snapshot.push_values(SeriesKind::Distribution, b"render", &[-3.0, 0.0]);
    for (kind, second) in [(SeriesKind::Counter, 1_600_000_000), (SeriesKind::Gauge, 5)] {
        let dated = DatedReading { kind, name: b"old"[..].into(), second, value: 7.0 };
        snapshot.dated.push(dated);
    }
    snapshot.own.push(OwnPoint { name: "me.lines".into(), value: 12 });
    snapshot
}

fn preview(temporality: Temporality) -> Vec<String> {
    let mut lines = Vec::new();
    let mut show = |line: &str| lines.push(line.to_owned());
    sink(temporality).preview(&snapshot(), &naming(), &mut show);
    lines
}

#[test]
fn every_kind_has_its_form_in_either_temporality() {
    let expected = |words: &str, dated: bool| {
        let mut lines = vec![
            format!("{words} exponential histogram render count=3 sum=7 scale=6 min=1 max=4"),
            format!("{words} exponential histogram render count=2 sum=-3 scale=20 min=-3 max=0"),
            format!("{words} monotonic sum hits 3"),
            format!("{words} monotonic sum hits{{env=\"pro\\\"d\",flag=\"true\"}} 0.5"),
            format!("{words} sum balance -2"),
            "gauge load -0.25".to_owned(),
            "gauge users 2".to_owned(),
            "gauge old 7".to_owned(),
            "gauge me.lines 12".to_owned(),
        ];
        if dated {
            lines.insert(7, format!("{words} monotonic sum old 7"));
        }
        lines
    };
    assert_eq!(preview(Temporality::Delta), expected("delta", true));
    assert_eq!(preview(Temporality::Cumulative), expected("cumulative", false));
}

/// The metrics of all pieces of so many bytes, and what the pieces say.
fn requests(snapshot: &Snapshot, totals: Option<&Totals>, bytes: usize) -> (Vec<Metric>, [u64; 3]) {
    let (naming, resource) = (naming(), sink(Temporality::Delta).resource);
    let mut requests = Requests::new(snapshot, &naming, &resource, totals);
    let (mut all, mut sums) = (Vec::new(), [0; 3]);
    loop {
        let mut body = Vec::new();
        let piece = requests.piece(bytes, &mut body);
        if piece.entries == 0 {
            return (all, sums);
        }
        for (sum, more) in sums.iter_mut().zip([piece.entries, piece.points, piece.unencodable]) {
            *sum += more;
        }
        assert!(body.len() < bytes.saturating_add(600), "{}", body.len());
        let mut request = ExportMetricsServiceRequest::decode(&body[..]).unwrap();
        let mut of_resource = request.resource_metrics.pop().unwrap();
        assert_eq!(of_resource.resource.as_ref(), Some(&resource));
        let scope = of_resource.scope_metrics.pop().unwrap();
        assert_eq!(scope.scope.unwrap().name, "gstatsd");
        all.extend(scope.metrics);
    }
}

fn find<'m>(metrics: &'m [Metric], name: &str) -> &'m Metric {
    metrics.iter().find(|metric| metric.name == name).unwrap()
}

#[test]
fn points_have_their_times_and_those_of_one_name_are_one_metric() {
    let (metrics, sums) = requests(&snapshot(), None, usize::MAX);
    assert_eq!((metrics.len(), sums), (9, [10, 10, 0]));
    let end = 1_700_000_010_000_000_000;
    let Some(Data::Sum(hits)) = &find(&metrics, "hits").data else { panic!("no sum") };
    assert_eq!(
        (hits.is_monotonic, hits.aggregation_temporality, hits.data_points.len()),
        (true, 1, 2)
    );
    let point = &hits.data_points[0];
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (end - 10_000_000_000, end));
    assert_eq!(point.value, Some(Value::AsDouble(3.0)));
    let render = find(&metrics, "render");
    assert_eq!(render.unit, "ms");
    let Some(Data::ExponentialHistogram(render)) = &render.data else { panic!("no histogram") };
    let point = &render.data_points[0];
    assert_eq!((point.count, point.sum, point.scale, point.zero_count), (3, Some(7.0), 6, 0));
    let positive = point.positive.as_ref().unwrap();
    // Each power of two ends a bucket; 64 buckets lie between two of them at scale 6.
    assert_eq!((positive.offset, positive.bucket_counts.len()), (-1, 129));
    assert_eq!(positive.bucket_counts.iter().sum::<u64>(), 3);
    let Some(Data::Sum(old)) = &find(&metrics, "old").data else { panic!("no sum") };
    assert_eq!(old.data_points[0].time_unix_nano, 1_600_000_000_000_000_000);
    let Some(Data::Gauge(own)) = &find(&metrics, "me.lines").data else { panic!("no gauge") };
    assert_eq!(own.data_points[0].value, Some(Value::AsInt(12)));
}

#[test]
fn sums_go_on_from_the_first_interval_of_their_series() {
    let mut totals = Totals::new();
    totals.take(&snapshot(), 60);
    let mut next = snapshot();
    next.window.timestamp += 10;
    totals.take(&next, 60);
    let (metrics, sums) = requests(&next, Some(&totals), usize::MAX);
    assert_eq!(sums, [10, 9, 1]);
    let Some(Data::Sum(hits)) = &find(&metrics, "hits").data else { panic!("no sum") };
    let point = &hits.data_points[0];
    assert_eq!(hits.aggregation_temporality, 2);
    assert_eq!(point.value, Some(Value::AsDouble(6.0)));
    assert_eq!(point.start_time_unix_nano, 1_700_000_000_000_000_000);
    assert_eq!(point.time_unix_nano, 1_700_000_020_000_000_000);
    let Some(Data::Sum(balance)) = &find(&metrics, "balance").data else { panic!("no sum") };
    assert!(!balance.is_monotonic);
    let render = find(&metrics, "render");
    let Some(Data::ExponentialHistogram(render)) = &render.data else { panic!("no histogram") };
    assert_eq!((render.data_points[0].count, render.data_points[0].sum), (6, Some(14.0)));
}

#[test]
fn a_snapshot_comes_in_pieces_of_the_size_that_is_asked_for() {
    let whole = requests(&snapshot(), None, usize::MAX).1;
    for bytes in [1, 100, 400, 5_000] {
        assert_eq!(requests(&snapshot(), None, bytes).1, whole, "{bytes}");
    }
    let mut many = Snapshot::new(Window { timestamp: 1_700_000_010, seconds: 10.0 });
    for index in 0..5_000 {
        many.push_counter(format!("some.counter.of.many.{index}").as_bytes(), 1.0);
    }
    let (metrics, sums) = requests(&many, None, 20_000);
    assert_eq!((metrics.len(), sums), (5_000, [5_000, 5_000, 0]));
    let naming = naming();
    let resource = Resource::default();
    let mut requests = Requests::new(&many, &naming, &resource, None);
    requests.seek(4_999);
    assert_eq!(requests.piece(1 << 20, &mut Vec::new()).entries, 1);
    requests.seek(5_000);
    assert_eq!(requests.piece(1 << 20, &mut Vec::new()).entries, 0);
}

#[test]
fn secrets_of_headers_are_not_shown() {
    let shown = format!("{:?}", sink(Temporality::Delta));
    assert!(shown.contains("api-key") && !shown.contains("s3cret"), "{shown}");
}
