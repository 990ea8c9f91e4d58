//! From CPU times to scores.

use super::workload::Workload;

/// A run of the bare counter and one of the server, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pair {
    /// CPU time of the bare counter for a packet, in nanoseconds.
    pub(crate) bare_packet_ns: f64,
    /// The same of one that blocks, where it was measured.
    pub(crate) blocking_packet_ns: Option<f64>,
    /// CPU time of the whole server for a metric, in nanoseconds.
    pub(crate) server_metric_ns: f64,
    /// That of its worker alone.
    pub(crate) worker_metric_ns: f64,
    /// Metrics in a packet, in the mean.
    pub(crate) metrics_per_packet: f64,
}

/// What was lost in all runs of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Packets that the bare counters did not receive.
    pub(crate) bare_packets: u64,
    /// Packets that the server did not receive.
    pub(crate) server_packets: u64,
    /// Metrics that the server received and did not aggregate.
    pub(crate) server_metrics: u64,
}

/// All about one workload.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Which.
    pub(crate) workload: Workload,
    /// Packets that were really sent to the server in a second.
    pub(crate) packets_per_second: f64,
    /// Metrics of an interval.
    pub(crate) metrics_per_flush: f64,
    /// In the order of the runs.
    pub(crate) pairs: Vec<Pair>,
    /// What was lost.
    pub(crate) lost: Lost,
    /// The resident memory of the server after the last run, in bytes.
    pub(crate) resident_bytes: u64,
}

impl Pair {
    /// CPU time of the bare counter for a metric, in nanoseconds.
    pub(crate) fn bare_metric_ns(&self) -> f64 {
        self.bare_packet_ns / self.metrics_per_packet
    }

    /// The score: the bare counter's CPU time over the server's.
    pub(crate) fn ratio(&self) -> f64 {
        self.bare_metric_ns() / self.server_metric_ns
    }

    /// The same without what the flush and the sinks cost.
    pub(crate) fn worker_ratio(&self) -> f64 {
        self.bare_metric_ns() / self.worker_metric_ns
    }

    /// The server's CPU time over that of a bare counter that blocks.
    pub(crate) fn over_blocking(&self) -> Option<f64> {
        let blocking = self.blocking_packet_ns?;
        Some(self.server_metric_ns * self.metrics_per_packet / blocking)
    }
}

impl Row {
    /// The median over the pairs.
    pub(crate) fn median(&self, of: impl Fn(&Pair) -> f64) -> f64 {
        median(self.pairs.iter().map(of).collect())
    }
}

impl Lost {
    /// Whether nothing was lost.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// The middle one, or the mean of the two in the middle; not a number if there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The median of what something took in each round, the median of its ratios to what something
/// else took in the same round, and each of these ratios.
pub(crate) fn compared(own: &[f64], other: &[f64]) -> (f64, f64, String) {
    let ratios: Vec<f64> = own.iter().zip(other).map(|(own, other)| own / other).collect();
    let each: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    (median(own.to_vec()), median(ratios), each.join(" "))
}

/// So much of it for each.
pub(crate) fn per(sum: u64, count: u64) -> f64 {
    sum as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_in_any_order() {
        assert_eq!(median(vec![5.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_ratio_compares_metrics_with_metrics() {
        let pair = Pair {
            bare_packet_ns: 600.0,
            blocking_packet_ns: Some(1_200.0),
            server_metric_ns: 50.0,
            worker_metric_ns: 40.0,
            metrics_per_packet: 30.0,
        };
        assert_eq!(pair.bare_metric_ns(), 20.0);
        assert_eq!((pair.ratio(), pair.worker_ratio()), (0.4, 0.5));
        assert_eq!(pair.over_blocking(), Some(1.25));
        assert_eq!(Pair { blocking_packet_ns: None, ..pair }.over_blocking(), None);
    }

    #[test]
    fn any_loss_is_a_loss() {
        assert!(Lost::default().is_nothing());
        assert!(!Lost { server_metrics: 1, ..Lost::default() }.is_nothing());
        assert!(!Lost { bare_packets: 1, ..Lost::default() }.is_nothing());
    }
}
