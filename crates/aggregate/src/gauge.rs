//! The writes to one gauge within one interval, in the order of their receive batches.

use crate::sum;

/// When a batch was received, so that the writes of several workers can be put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The monotonic clock when the batch was received, in nanoseconds.
    pub nanoseconds: u64,
    /// The worker that received it, for batches of one nanosecond.
    pub worker: usize,
}

/// What an interval wrote to a gauge: the last set, and the changes since it. A worker's own
/// earlier writes are gone with its next set; changes stay one per batch, since a set of
/// another worker may turn out to lie between them.
///
/// Small, as there may be millions: changes, which few gauges have, stand elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gauge {
    /// The last set; one of the default order and value where there was none.
    set: Write,
    /// In order; none is before `set`.
    changes: Option<Box<Changes>>,
    is_set: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Changes(Vec<Write>);

/// What a gauge was set to, or by how much it was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Write {
    pub(crate) order: Order,
    pub(crate) value: f64,
}

impl Gauge {
    /// What one worker wrote: the last set, and the changes since, the last one first.
    pub(crate) fn of(set: Option<Write>, changes: impl Iterator<Item = Write>) -> Self {
        let mut changes = changes.peekable();
        let changes = changes.peek().is_some().then(|| {
            let mut changes: Vec<_> = changes.collect();
            changes.reverse();
            Box::new(Changes(changes))
        });
        Self { set: set.unwrap_or_default(), changes, is_set: set.is_some() }
    }

    /// Takes in the writes of another worker.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.is_set && (!self.is_set || other.set.order > self.set.order) {
            (self.set, self.is_set) = (other.set, true);
        }
        if self.changes.is_none() && other.changes.is_none() {
            return;
        }
        let Changes(changes) = &mut **self.changes.get_or_insert_default();
        changes.extend(other.changes.iter().flat_map(|changes| &changes.0));
        changes.sort_by_key(|write| write.order);
        if self.is_set {
            changes.retain(|write| write.order >= self.set.order);
        }
    }

    /// The value at the end of the interval; `before` is the one at its start.
    pub(crate) fn resolve(&self, before: f64) -> f64 {
        let start = if self.is_set { self.set.value } else { before };
        let changes = self.changes.iter().flat_map(|changes| &changes.0);
        // Adding nothing must not turn -0 into 0.
        changes.fold(start, |value, write| sum::saturating(value, write.value).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanoseconds: u64, worker: usize) -> impl Fn(f64) -> Write {
        move |value| Write { order: Order { nanoseconds, worker }, value }
    }

    /// Changes as they came.
    fn gauge(set: Option<Write>, changes: &[Write]) -> Gauge {
        Gauge::of(set, changes.iter().rev().copied())
    }

    #[test]
    fn the_last_set_wins_whichever_worker_is_merged_first() {
        let one = gauge(Some(at(3, 0)(3.0)), &[]);
        let two = gauge(Some(at(2, 1)(2.0)), &[]);
        let (mut one_first, mut two_first) = (one.clone(), two.clone());
        one_first.merge(&two);
        two_first.merge(&one);
        assert_eq!(one_first.resolve(0.0), 3.0);
        assert_eq!(two_first, one_first);
    }

    #[test]
    fn a_set_of_one_worker_ends_the_earlier_changes_of_another() {
        let one = gauge(None, &[at(1, 0)(100.0), at(3, 0)(6.0)]);
        let mut two = gauge(Some(at(2, 1)(10.0)), &[]);
        two.merge(&one);
        assert_eq!(two.resolve(0.0), 16.0);
    }

    #[test]
    fn changes_alone_start_from_the_value_before() {
        let changed = gauge(None, &[at(1, 0)(-3.0), at(2, 0)(1.0)]);
        assert_eq!(changed.resolve(10.0), 8.0);
        let set = gauge(Some(at(1, 0)(-0.0)), &[]);
        assert!(set.resolve(10.0).is_sign_negative());
    }

    #[test]
    fn changes_out_of_range_are_held() {
        let max = gauge(None, &[at(1, 0)(f64::MAX)]);
        assert_eq!(max.resolve(f64::MAX), f64::MAX);
    }
}
