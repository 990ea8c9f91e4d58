//! The kinds of series.

/// The kinds of series. Several types of the protocol may feed one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SeriesKind {
    /// A sum over the interval.
    Counter,
    /// The distribution of values, apart from timers where the dialect keeps it so.
    Distribution,
    /// The last value.
    Gauge,
    /// The distribution of values, apart from timers where the dialect keeps it so.
    Histogram,
    /// The number of distinct members.
    Set,
    /// The distribution of values.
    Timer,
}

impl SeriesKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Counter, Self::Distribution, Self::Gauge, Self::Histogram, Self::Set, Self::Timer];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Distribution => "distribution",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Set => "set",
            Self::Timer => "timer",
        }
    }
}
