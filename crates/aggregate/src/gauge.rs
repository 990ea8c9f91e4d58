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
    pub(crate) samples: u32,
    is_set: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Changes(Vec<Write>);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Write {
    order: Order,
    value: f64,
}

impl Gauge {
    /// The gauge is now `value`.
    #[inline]
    pub(crate) fn set(&mut self, order: Order, value: f64) {
        self.set = Write { order, value };
        self.is_set = true;
        self.changes = None;
        self.samples += 1;
    }

    /// The gauge changes by `change`. The flag says whether that left the range of a double.
    pub(crate) fn change(&mut self, order: Order, change: f64) -> bool {
        self.samples += 1;
        let Changes(changes) = &mut **self.changes.get_or_insert_default();
        if let Some(last) = changes.last_mut().filter(|last| last.order == order) {
            let overflow;
            (last.value, overflow) = sum::saturating(last.value, change);
            return overflow;
        }
        changes.push(Write { order, value: change });
        false
    }

    /// Takes in the writes of another worker.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.samples += other.samples;
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

    fn at(nanoseconds: u64, worker: usize) -> Order {
        Order { nanoseconds, worker }
    }

    #[test]
    fn the_last_set_wins_whichever_worker_is_merged_first() {
        let mut one = Gauge::default();
        one.set(at(1, 0), 1.0);
        one.set(at(3, 0), 3.0);
        let mut two = Gauge::default();
        two.set(at(2, 1), 2.0);
        let (mut one_first, mut two_first) = (one.clone(), two.clone());
        one_first.merge(&two);
        two_first.merge(&one);
        assert_eq!(one_first.resolve(0.0), 3.0);
        assert_eq!(two_first, one_first);
        assert_eq!(one_first.samples, 3);
    }

    #[test]
    fn a_set_of_one_worker_ends_the_earlier_changes_of_another() {
        let mut one = Gauge::default();
        one.change(at(1, 0), 100.0);
        one.change(at(3, 0), 5.0);
        one.change(at(3, 0), 1.0);
        let mut two = Gauge::default();
        two.set(at(2, 1), 10.0);
        two.merge(&one);
        assert_eq!(two.resolve(0.0), 16.0);
    }

    #[test]
    fn changes_alone_start_from_the_value_before() {
        let mut gauge = Gauge::default();
        gauge.change(at(1, 0), -3.0);
        assert_eq!(gauge.resolve(10.0), 7.0);
        gauge.set(at(1, 0), -0.0);
        assert!(gauge.resolve(10.0).is_sign_negative());
    }

    #[test]
    fn a_change_out_of_range_is_held_and_told() {
        let mut gauge = Gauge::default();
        assert!(!gauge.change(at(1, 0), f64::MAX));
        assert!(gauge.change(at(1, 0), f64::MAX));
        assert_eq!(gauge.resolve(f64::MAX), f64::MAX);
    }
}
