//! The same values through the SDK of OpenTelemetry: the same scale and the same buckets.
#![expect(clippy::unwrap_used, reason = "tests")]

use gstatsd_sketch::{BUCKETS_MAX, Histogram};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, ExponentialHistogramDataPoint, MetricData,
};
use opentelemetry_sdk::metrics::{
    Aggregation, InMemoryMetricExporter, PeriodicReader, SdkMeterProvider, Stream,
};

/// What the SDK makes of values that are not below 0.
fn oracle(values: &[f64], look: impl FnOnce(&ExponentialHistogramDataPoint<f64>)) {
    let exporter = InMemoryMetricExporter::default();
    let aggregation = Aggregation::Base2ExponentialHistogram {
        max_size: u32::try_from(BUCKETS_MAX).unwrap(),
        max_scale: 20,
        record_min_max: true,
    };
    let provider = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(exporter.clone()).build())
        .with_view(move |_: &_| {
            Stream::builder().with_aggregation(aggregation.clone()).build().ok()
        })
        .build();
    let histogram = provider.meter("test").f64_histogram("values").build();
    values.iter().for_each(|value| histogram.record(*value, &[]));
    provider.force_flush().unwrap();
    let exported = exporter.get_finished_metrics().unwrap();
    let metric = exported[0].scope_metrics().next().unwrap().metrics().next().unwrap();
    let AggregatedMetrics::F64(MetricData::ExponentialHistogram(data)) = metric.data() else {
        panic!("{metric:?}");
    };
    look(data.data_points().next().unwrap());
}

#[test]
fn the_sdk_of_opentelemetry_has_the_same_buckets() {
    let mut random = fastrand::Rng::with_seed(20);
    let narrow: Vec<f64> = (0..3_000).map(|_| 20.0 + random.f64()).collect();
    let wide: Vec<f64> = (0..3_000).map(|_| 10_f64.powf(random.f64() * 12.0 - 6.0)).collect();
    let latencies: Vec<f64> =
        (0..3_000).map(|at| if at % 50 == 0 { 0.0 } else { -random.f64().ln() * 35.0 }).collect();
    let whole: Vec<f64> = (0..3_000).map(|_| f64::from(random.u32(1..5_000))).collect();
    for values in [narrow, wide, latencies, whole, vec![1.0], vec![0.0, 0.0]] {
        let mut ours = Histogram::default();
        values.iter().for_each(|value| ours.insert(*value, 1));
        oracle(&values, |theirs| {
            assert_eq!(ours.count(), theirs.count() as u64);
            assert_eq!(ours.zeros(), theirs.zero_count());
            assert_eq!((ours.min(), ours.max()), (theirs.min(), theirs.max()));
            assert!((ours.sum() - theirs.sum()).abs() <= 1e-9 * ours.sum());
            let counts: Vec<u64> = theirs.positive_bucket().counts().collect();
            assert_eq!(ours.positive().counts(), counts);
            if !counts.is_empty() {
                assert_eq!(ours.scale(), theirs.scale());
                assert_eq!(ours.positive().offset(), theirs.positive_bucket().offset());
            }
        });
    }
}
