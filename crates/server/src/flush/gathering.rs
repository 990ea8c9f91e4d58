//! The parts that wait: which of them make an interval.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Closes, Push};
use crate::clock::Cadence;

/// The shortest time by which rates are divided: the last interval may have just begun.
const WINDOW_MIN: Duration = Duration::from_millis(1);

/// The parts that wait for their interval to be closed.
#[derive(Default)]
pub(super) struct Gathering {
    /// In the order in which they came; those of one worker are in order of their intervals.
    waiting: VecDeque<Push>,
    /// For each worker, the interval after the last one that it has pushed.
    pushed: Vec<u64>,
    ended: usize,
    /// The first interval that is not closed.
    open: u64,
}

/// An interval that is complete. It may be several, when all workers were late.
pub(super) struct Closed {
    pub(super) pushes: Vec<Push>,
    pub(super) length: Duration,
    /// How many of them were to be flushed by themselves.
    pub(super) overrun: u64,
}

impl Gathering {
    pub(super) fn new(workers: usize) -> Self {
        Self { pushed: vec![0; workers], ..Self::default() }
    }

    pub(super) fn take_in(&mut self, push: Push) {
        match push.closes {
            Closes::Nothing | Closes::Request(_) => {}
            Closes::Interval => self.pushed[push.worker] = push.interval + 1,
            // The last part is of an interval that is not over: `close_last` takes it.
            Closes::Worker => self.ended += 1,
        }
        self.waiting.push_back(push);
    }

    pub(super) fn all_ended(&self) -> bool {
        self.ended == self.pushed.len()
    }

    /// The intervals that every worker has pushed.
    pub(super) fn close(&mut self, cadence: Cadence) -> Option<Closed> {
        let complete = self.pushed.iter().copied().min().unwrap_or(0);
        if complete <= self.open {
            return None;
        }
        let length = cadence.begin(complete) - cadence.begin(self.open);
        let overrun = complete - self.open - 1;
        self.open = complete;
        let (pushes, waiting) = self
            .waiting
            .drain(..)
            .partition(|push| push.closes != Closes::Worker && push.interval < complete);
        self.waiting = waiting;
        Some(Closed { pushes: Vec::from_iter::<VecDeque<Push>>(pushes), length, overrun })
    }

    /// Whether nothing waits that belongs to a later interval than the open one.
    pub(super) fn is_level(&self) -> bool {
        self.of_workers_at_work().all(|push| push.interval <= self.open)
    }

    /// Takes out what waits of the open interval, which goes on.
    pub(super) fn take_open(&mut self) -> Vec<Push> {
        let (pushes, waiting) =
            self.waiting.drain(..).partition(|push| push.closes != Closes::Worker);
        self.waiting = waiting;
        Vec::from_iter::<VecDeque<Push>>(pushes)
    }

    fn of_workers_at_work(&self) -> impl Iterator<Item = &Push> {
        self.waiting.iter().filter(|push| push.closes != Closes::Worker)
    }

    /// All that is left, as one interval that ends now.
    pub(super) fn close_last(&mut self, cadence: Cadence, now: Instant) -> Closed {
        let length = now.saturating_duration_since(cadence.begin(self.open)).max(WINDOW_MIN);
        Closed { pushes: self.waiting.drain(..).collect(), length, overrun: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::senders::Senders;

    const TEN: Duration = Duration::from_secs(10);

    fn cadence(start: Instant) -> Cadence {
        Cadence::new(start, clock::wall(), TEN, false)
    }

    fn push(worker: usize, interval: u64, closes: Closes) -> Push {
        let (part, senders) = (Box::default(), Senders::default());
        Push { worker, interval, closes, part, senders }
    }

    fn told(closed: &Closed) -> Vec<(usize, u64)> {
        closed.pushes.iter().map(|push| (push.worker, push.interval)).collect()
    }

    #[test]
    fn an_interval_is_closed_when_every_worker_has_pushed_it() {
        let cadence = cadence(clock::now());
        let mut gathering = Gathering::new(2);
        gathering.take_in(push(0, 0, Closes::Interval));
        gathering.take_in(push(0, 1, Closes::Interval));
        assert!(gathering.close(cadence).is_none());
        gathering.take_in(push(1, 0, Closes::Interval));
        let closed = gathering.close(cadence).unwrap();
        assert_eq!(told(&closed), [(0, 0), (1, 0)]);
        assert_eq!((closed.length, closed.overrun), (TEN, 0));
        assert!(gathering.close(cadence).is_none());
        gathering.take_in(push(1, 1, Closes::Interval));
        assert_eq!(told(&gathering.close(cadence).unwrap()), [(0, 1), (1, 1)]);
    }

    #[test]
    fn a_part_that_is_late_by_intervals_closes_all_of_them_as_one() {
        let cadence = cadence(clock::now());
        let mut gathering = Gathering::new(2);
        gathering.take_in(push(0, 4, Closes::Interval));
        gathering.take_in(push(1, 0, Closes::Interval));
        assert_eq!(told(&gathering.close(cadence).unwrap()), [(1, 0)]);
        gathering.take_in(push(1, 4, Closes::Interval));
        let closed = gathering.close(cadence).unwrap();
        assert_eq!(told(&closed), [(0, 4), (1, 4)]);
        assert_eq!((closed.length, closed.overrun), (4 * TEN, 3));
    }

    #[test]
    fn the_last_interval_is_as_long_as_it_was() {
        let start = clock::now();
        let cadence = cadence(start);
        let mut gathering = Gathering::new(2);
        for worker in [0, 1] {
            gathering.take_in(push(worker, 0, Closes::Interval));
        }
        gathering.close(cadence).unwrap();
        gathering.take_in(push(0, 1, Closes::Worker));
        assert!(gathering.close(cadence).is_none());
        assert!(!gathering.all_ended());
        gathering.take_in(push(1, 1, Closes::Worker));
        assert!(gathering.close(cadence).is_none());
        assert!(gathering.all_ended());
        let closed = gathering.close_last(cadence, start + TEN + Duration::from_secs(4));
        assert_eq!(told(&closed), [(0, 1), (1, 1)]);
        assert_eq!(closed.length, Duration::from_secs(4));
        assert_eq!(gathering.close_last(cadence, start).length, WINDOW_MIN);
    }

    #[test]
    fn a_worker_that_ended_early_holds_nobody_up_at_the_end() {
        let start = clock::now();
        let cadence = cadence(start);
        let mut gathering = Gathering::new(2);
        gathering.take_in(push(0, 0, Closes::Worker));
        gathering.take_in(push(1, 0, Closes::Interval));
        assert!(gathering.close(cadence).is_none());
        gathering.take_in(push(1, 1, Closes::Worker));
        let closed = gathering.close_last(cadence, start + TEN + TEN);
        assert_eq!(told(&closed), [(0, 0), (1, 0), (1, 1)]);
        assert_eq!(closed.length, TEN + TEN);
    }

    #[test]
    fn a_part_in_the_middle_of_an_interval_closes_nothing_and_belongs_to_it() {
        let start = clock::now();
        let cadence = cadence(start);
        let mut gathering = Gathering::new(1);
        gathering.take_in(push(0, 0, Closes::Nothing));
        assert!(gathering.close(cadence).is_none());
        gathering.take_in(push(0, 0, Closes::Interval));
        gathering.take_in(push(0, 1, Closes::Nothing));
        assert_eq!(told(&gathering.close(cadence).unwrap()), [(0, 0), (0, 0)]);
        gathering.take_in(push(0, 1, Closes::Worker));
        assert!(gathering.all_ended());
        let closed = gathering.close_last(cadence, start + TEN + TEN);
        assert_eq!(told(&closed), [(0, 1), (0, 1)]);
    }

    #[test]
    fn what_was_asked_for_is_taken_out_once_all_workers_are_in_one_interval() {
        let cadence = cadence(clock::now());
        let mut gathering = Gathering::new(2);
        gathering.take_in(push(0, 0, Closes::Interval));
        gathering.take_in(push(0, 1, Closes::Request(7)));
        gathering.take_in(push(1, 0, Closes::Request(7)));
        assert!(!gathering.is_level(), "worker 0 is ahead");
        gathering.take_in(push(1, 0, Closes::Interval));
        assert_eq!(told(&gathering.close(cadence).unwrap()), [(0, 0), (1, 0), (1, 0)]);
        assert!(gathering.is_level());
        assert_eq!(gathering.take_open().len(), 1);
        // What was taken out is in no interval again, and closes it no sooner.
        gathering.take_in(push(0, 1, Closes::Interval));
        assert!(gathering.is_level() && gathering.close(cadence).is_none());
        assert_eq!(gathering.take_open().len(), 1);
        gathering.take_in(push(1, 1, Closes::Interval));
        assert_eq!(told(&gathering.close(cadence).unwrap()), [(1, 1)]);
    }
}
