//! What identifies a series.

use gstatsd_wire::Kind;

/// The kinds of series. Several types of the protocol may feed one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SeriesKind {
    /// A sum over the interval.
    Counter,
    /// The last value.
    Gauge,
    /// The number of distinct members.
    Set,
    /// The distribution of values.
    Timer,
}

impl SeriesKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Counter, Self::Gauge, Self::Set, Self::Timer];

    /// The kind of series that a type feeds: histograms and distributions are timers, meters
    /// are counters.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Counter | Kind::Meter => Self::Counter,
            Kind::Gauge => Self::Gauge,
            Kind::Set => Self::Set,
            Kind::Distribution | Kind::Histogram | Kind::Timer => Self::Timer,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Set => "set",
            Self::Timer => "timer",
        }
    }
}

/// What a series is known by: its kind and its name, as the dialect's rules leave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind.
    pub kind: SeriesKind,
    /// The name, sanitised, without a prefix.
    pub name: Box<[u8]>,
}
