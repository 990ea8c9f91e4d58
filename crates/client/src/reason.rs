//! Why a line was not sent.

use std::fmt;

/// Why a line was not sent, or did not arrive: a closed set. [`Reason::ALL`] lists them in the
/// order of their discriminants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// A tag has no key, or the timestamp of a sample is 0 or has more than 63 bits, or its type
    /// has none: only counters and gauges may have their own time.
    BadField,
    /// The call came from a signal handler that had interrupted another call of the same thread.
    Busy,
    /// The client was closed before the line was sent.
    Closed,
    /// The name is empty.
    EmptyName,
    /// The member of a set, or the title of an event, is empty.
    EmptyValue,
    /// The buffer was full: lines came faster than they could be sent.
    Full,
    /// The system refused to send, for want of a network for instance.
    Network,
    /// The number is infinite or not a number.
    NonFinite,
    /// Nobody listened: the packet was refused, and refused again when it was sent once more.
    Refused,
    /// The name is longer than [`NAME_BYTES_MAX`](crate::NAME_BYTES_MAX), the member of a set
    /// than [`MEMBER_BYTES_MAX`](crate::MEMBER_BYTES_MAX), there are more tags than
    /// [`TAGS_MAX`](crate::TAGS_MAX) or more bytes of them than
    /// [`TAGS_BYTES_MAX`](crate::TAGS_BYTES_MAX), or the line is longer than a packet.
    TooLong,
    /// The name of the host has had no address yet.
    Unresolved,
}

impl Reason {
    /// How many there are.
    pub(crate) const COUNT: usize = 11;

    /// Every reason, indexed by its discriminant.
    pub const ALL: [Self; Self::COUNT] = [
        Self::BadField,
        Self::Busy,
        Self::Closed,
        Self::EmptyName,
        Self::EmptyValue,
        Self::Full,
        Self::Network,
        Self::NonFinite,
        Self::Refused,
        Self::TooLong,
        Self::Unresolved,
    ];

    /// The word under which it is counted, `non_finite` for instance.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BadField => "bad_field",
            Self::Busy => "busy",
            Self::Closed => "closed",
            Self::EmptyName => "empty_name",
            Self::EmptyValue => "empty_value",
            Self::Full => "full",
            Self::Network => "network",
            Self::NonFinite => "non_finite",
            Self::Refused => "refused",
            Self::TooLong => "too_long",
            Self::Unresolved => "unresolved",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadField => {
                "a tag has no key, or the timestamp is out of range or not for this type"
            }
            Self::Busy => "called from a signal handler inside of another call",
            Self::Closed => "the client is closed",
            Self::EmptyName => "the name is empty",
            Self::EmptyValue => "the value is empty",
            Self::Full => "the buffer is full",
            Self::Network => "the system refused to send",
            Self::NonFinite => "the number is not finite",
            Self::Refused => "refused, as nobody listens",
            Self::TooLong => "longer than a limit",
            Self::Unresolved => "the host has no address yet",
        })
    }
}

impl std::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_reason_stands_at_its_discriminant_with_a_label_and_words_of_its_own() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
            for other in &Reason::ALL[..index] {
                assert_ne!(reason.label(), other.label());
                assert_ne!(reason.to_string(), other.to_string());
            }
        }
    }
}
