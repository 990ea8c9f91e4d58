//! The immutable result of one flush.

use std::sync::Arc;

use crate::Key;

/// What all workers gathered in one interval, merged by key.
#[derive(Debug)]
pub struct Snapshot {
    /// The interval.
    pub window: Window,
    /// The series that were written in it, each key once.
    pub series: Vec<Series>,
    /// Our own metrics. They never pass through a table, so nobody can forge them.
    pub own: Vec<OwnPoint>,
}

/// The interval of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// When it ended, in whole seconds since the epoch: the timestamp of its points.
    pub timestamp: i64,
    /// Its length in seconds, by which rates are divided; greater than 0.
    pub seconds: f64,
}

/// One series of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is known by.
    pub key: Arc<Key>,
    /// What the interval made of it.
    pub state: State,
}

/// What an interval made of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// The sum of the samples, each divided by its rate; finite.
    Counter(f64),
    /// The value at the end of the interval; finite.
    Gauge(f64),
    /// The distinct members, in byte order.
    Set(Vec<Box<[u8]>>),
    /// The values in ascending order, at least one; finite.
    Timer(Vec<f64>),
}

/// One of our own metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPoint {
    /// The whole name.
    pub name: Box<str>,
    /// A count since the start, or a state at the flush.
    pub value: u64,
}

impl Snapshot {
    /// About how much memory it takes, in bytes; keys are shared with the registry and count
    /// only as references.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let states: usize = self.series.iter().map(|series| series.state.heap_bytes()).sum();
        let own: usize = self.own.iter().map(|own| size_of::<OwnPoint>() + own.name.len()).sum();
        size_of::<Self>() + self.series.capacity() * size_of::<Series>() + states + own
    }
}

impl State {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Counter(_) | Self::Gauge(_) => 0,
            Self::Set(members) => {
                let texts: usize = members.iter().map(|member| member.len()).sum();
                members.capacity() * size_of::<Box<[u8]>>() + texts
            }
            Self::Timer(values) => values.capacity() * size_of::<f64>(),
        }
    }
}
