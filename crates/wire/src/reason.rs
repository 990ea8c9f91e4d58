//! Why a line or a sample is rejected.

use std::fmt;

/// Why a line or a sample is rejected: a closed set, part of the public contract of the
/// accounting. [`Reason::ALL`] lists them in the order of their discriminants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The rate is not a decimal number in (0, 1].
    BadSampleRate,
    /// A tag is not UTF-8 or has a control character.
    BadTag,
    /// The timestamp is not a whole, positive number of seconds that fits into 63 bits.
    BadTimestamp,
    /// The type is not one of `c g ms s h d m kv`.
    BadType,
    /// The name is not UTF-8 where the dialect asks for it.
    BadUtf8,
    /// The value is not a decimal number.
    BadValue,
    /// A control character stands in a name where the dialect does not sanitise.
    ControlChar,
    /// The name is empty where the dialect asks for one.
    EmptyName,
    /// The line is longer than its stream allows.
    LineTooLong,
    /// The name is longer than the limit.
    NameTooLong,
    /// There is no type.
    NoType,
    /// There is no value, or it is blank.
    NoValue,
    /// The value is `nan`, infinite, or too large for a double.
    NonFinite,
    /// The value is a number that the dialect does not take, or a set member that is too long.
    OutOfRange,
    /// The name would come out among the names of our own metrics.
    ReservedName,
    /// There are more tags, or more bytes of them, than the limits.
    TooManyTags,
    /// The datagram was cut on its way, or the stream ended, and this is its broken last line.
    Truncated,
    /// An event or a service check that does not have its form, or a timestamp on a type that has
    /// none.
    Unsupported,
}

impl Reason {
    /// Every reason, indexed by its discriminant.
    pub const ALL: [Self; 18] = [
        Self::BadSampleRate,
        Self::BadTag,
        Self::BadTimestamp,
        Self::BadType,
        Self::BadUtf8,
        Self::BadValue,
        Self::ControlChar,
        Self::EmptyName,
        Self::LineTooLong,
        Self::NameTooLong,
        Self::NoType,
        Self::NoValue,
        Self::NonFinite,
        Self::OutOfRange,
        Self::ReservedName,
        Self::TooManyTags,
        Self::Truncated,
        Self::Unsupported,
    ];

    /// The label under which it is counted, `bad_value` for instance.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BadSampleRate => "bad_sample_rate",
            Self::BadTag => "bad_tag",
            Self::BadTimestamp => "bad_timestamp",
            Self::BadType => "bad_type",
            Self::BadUtf8 => "bad_utf8",
            Self::BadValue => "bad_value",
            Self::ControlChar => "control_char",
            Self::EmptyName => "empty_name",
            Self::LineTooLong => "line_too_long",
            Self::NameTooLong => "name_too_long",
            Self::NoType => "no_type",
            Self::NoValue => "no_value",
            Self::NonFinite => "non_finite",
            Self::OutOfRange => "out_of_range",
            Self::ReservedName => "reserved_name",
            Self::TooManyTags => "too_many_tags",
            Self::Truncated => "truncated",
            Self::Unsupported => "unsupported",
        }
    }

    /// What is wrong, in a few words for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::BadSampleRate => "the rate is not a decimal number above 0 and up to 1",
            Self::BadTag => "a tag is not UTF-8 or has a control character",
            Self::BadTimestamp => "the timestamp is not a whole, positive number of seconds",
            Self::BadType => "the type is not one of c g ms s h d m kv",
            Self::BadUtf8 => "the name is not UTF-8",
            Self::BadValue => "the value is not a decimal number",
            Self::ControlChar => "a control character stands in the name",
            Self::EmptyName => "the name is empty",
            Self::LineTooLong => "the line is longer than its stream allows",
            Self::NameTooLong => "the name is longer than the limit",
            Self::NoType => "there is no type, as the c in name:1|c",
            Self::NoValue => "there is no value, as the 1 in name:1|c",
            Self::NonFinite => "the value is infinite, not a number, or too large",
            Self::OutOfRange => "the dialect does not take this value, or it is too long",
            Self::ReservedName => "it would come out among our own metrics",
            Self::TooManyTags => "there are more tags, or more bytes of them, than the limits",
            Self::Truncated => "the datagram was cut here on its way, or the stream ended",
            Self::Unsupported => {
                "an event or a service check without its form, or a type without timestamps"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
