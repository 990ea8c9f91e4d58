//! What a packet holds: lines, and the samples of a metric line.

use crate::Reason;

/// One parsed reading, borrowed from the packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The name as it arrived, with the tags in it: the bytes before the first colon of the line.
    pub name: &'a [u8],
    /// The type.
    pub kind: Kind,
    /// The reading itself.
    pub value: Value<'a>,
    /// The fraction of events that the sender reports, in (0, 1]; 1 where none is given.
    pub rate: f64,
    /// The text of the line's tags field without its `#`; empty where there is none. Of several,
    /// and what stands between them, all from the first to the last:
    /// [`Tagged`](crate::Tagged) has the tags one by one.
    pub tags: &'a [u8],
    /// The fields that tell where the samples of the line come from, where they are kept as tags,
    /// from the first to the last; empty where there is none.
    pub origin: &'a [u8],
    /// Seconds since the epoch, where the dialect reads timestamps and the sample has one.
    pub timestamp: Option<u64>,
}

/// The types of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `c`
    Counter,
    /// `d`
    Distribution,
    /// `g`
    Gauge,
    /// `h`
    Histogram,
    /// `kv`, of HashiCorp's go-metrics: the value of a key at this time.
    KeyValue,
    /// `m`
    Meter,
    /// `s`
    Set,
    /// `ms`
    Timer,
}

impl Kind {
    /// Every type, in the order of its discriminant.
    pub const ALL: [Self; 8] = [
        Self::Counter,
        Self::Distribution,
        Self::Gauge,
        Self::Histogram,
        Self::KeyValue,
        Self::Meter,
        Self::Set,
        Self::Timer,
    ];

    /// How the type is written on the wire.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Counter => "c",
            Self::Distribution => "d",
            Self::Gauge => "g",
            Self::Histogram => "h",
            Self::KeyValue => "kv",
            Self::Meter => "m",
            Self::Set => "s",
            Self::Timer => "ms",
        }
    }

    /// Whether a sample of this type may have its own time: it is worth something without others.
    #[must_use]
    pub const fn may_have_timestamp(self) -> bool {
        matches!(self, Self::Counter | Self::Gauge | Self::KeyValue | Self::Meter)
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Distribution => "distribution",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::KeyValue => "key-value",
            Self::Meter => "meter",
            Self::Set => "set",
            Self::Timer => "timer",
        }
    }
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A change of a gauge; finite.
    Delta(f64),
    /// A member of a set, byte for byte.
    Member(&'a [u8]),
    /// A number; finite.
    Number(f64),
}

/// A line of a packet that is not empty. A metric line comes before its samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line<'a> {
    /// A DogStatsD event: recognised and well formed.
    Event(&'a [u8]),
    /// A line with a name and a colon, whatever its values are worth: the whole of it.
    Metric(&'a [u8]),
    /// A line that has no colon, whose name is refused, or whose form is.
    Rejected(Rejection<'a>),
    /// A DogStatsD service check: recognised and well formed.
    ServiceCheck(&'a [u8]),
}

/// What was rejected, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rejection<'a> {
    /// Why.
    pub reason: Reason,
    /// For a sample: its value as it arrived. For a line: the whole line.
    pub text: &'a [u8],
}

/// Who takes what [`parse`](crate::parse()) reads, in the order in which it stands.
pub trait Receiver<'a> {
    /// A line that is not empty; the samples of a metric line follow it.
    fn line(&mut self, line: Line<'a>);
    /// A good sample of the last metric line.
    fn sample(&mut self, sample: Sample<'a>);
    /// A bad sample of the last metric line.
    fn reject(&mut self, rejection: Rejection<'a>);
}
