//! The switches in which the dialects of the protocol differ.

use crate::{TagStyle, TagStyles};

/// How lines are read. One value per dialect; a listener may have its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grammar {
    /// What an empty value that stands alone before its type means (`foo:|c`).
    pub empty_value: EmptyValue,
    /// The longest member of a set that is accepted, in bytes; longer ones are
    /// [`Reason::OutOfRange`](crate::Reason::OutOfRange).
    pub member_bytes_max: usize,
    /// The longest name that is accepted, in bytes as they arrive.
    pub name_bytes_max: usize,
    /// Which bytes may stand in a name.
    pub names: Names,
    /// Whether the fields that tell where a sample comes from (`c:`, `e:` and `card:`) are kept as
    /// tags; otherwise they are skipped like unknown fields.
    pub origin: bool,
    /// Whether a timer, histogram or distribution may be negative.
    pub negative_timer: bool,
    /// What a gauge with a sign means.
    pub signed_gauge: SignedGauge,
    /// The styles in which tags are read. Tags in any other style are part of the name, or an
    /// unknown field.
    pub tag_styles: TagStyles,
    /// What is asked of tags.
    pub tags: Tags,
    /// Whether a `T` field is a timestamp; otherwise it is skipped like an unknown field.
    pub timestamps: bool,
}

/// What an empty value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyValue {
    /// 1 for counters, meters and gauges, 0 for timers, histograms and distributions; a set
    /// member is still [`Reason::NoValue`](crate::Reason::NoValue).
    Default,
    /// [`Reason::NoValue`](crate::Reason::NoValue) for every type.
    Reject,
}

/// Which bytes may stand in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// All of them, and none too: the dialect sanitises names afterwards.
    Any,
    /// UTF-8 without control characters, not empty.
    Utf8,
}

/// What a gauge whose text begins with `+` or `-` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedGauge {
    /// A number like any other.
    Absolute,
    /// A change of the gauge.
    Delta,
}

/// What is asked of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// Nothing: the dialect drops tags, so their form cannot cost a sample.
    Skip,
    /// Within these limits, all tags of a line together; in a field also UTF-8 without control
    /// characters. Those in a name are checked, or sanitised, with the name.
    Check {
        /// The largest number of tags.
        count_max: usize,
        /// The most bytes that they have, separators included: of a field all but its `#`, of a
        /// name what stands behind the mark with which its tags begin.
        bytes_max: usize,
    },
}

impl Grammar {
    /// gstatsd 0.6: empty values have defaults, tags are dropped, names are sanitised later.
    pub const GSTATSD: Self = Self {
        empty_value: EmptyValue::Default,
        member_bytes_max: 256,
        name_bytes_max: 1_024,
        names: Names::Any,
        negative_timer: true,
        origin: false,
        signed_gauge: SignedGauge::Absolute,
        tag_styles: TagStyles::of(&[TagStyle::DogStatsd]),
        tags: Tags::Skip,
        timestamps: false,
    };

    /// The Node.js StatsD: empty values and negative timers are rejected, a signed gauge is a
    /// delta, tags are kept, those in the name too.
    pub const STATSD: Self = Self {
        empty_value: EmptyValue::Reject,
        negative_timer: false,
        signed_gauge: SignedGauge::Delta,
        tag_styles: TagStyles::of(&[TagStyle::DogStatsd, TagStyle::Graphite]),
        tags: Tags::Check { count_max: 64, bytes_max: 4_096 },
        ..Self::GSTATSD
    };

    /// DogStatsD: names are UTF-8 as sent, tags and timestamps are kept.
    pub const DOGSTATSD: Self = Self {
        names: Names::Utf8,
        negative_timer: true,
        signed_gauge: SignedGauge::Absolute,
        tag_styles: TagStyles::of(&[TagStyle::DogStatsd]),
        timestamps: true,
        ..Self::STATSD
    };
}
