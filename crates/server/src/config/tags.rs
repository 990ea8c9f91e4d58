//! What is done with tags, as it is meant.

use gstatsd_aggregate::{ConstantTag, TagTemplate};
use gstatsd_wire::TagStyles;

/// What is done with tags.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tags {
    /// Whether they are kept.
    pub(crate) mode: TagMode,
    /// The styles in which they are read; `None` for those of the dialect.
    pub(crate) styles: Option<TagStyles>,
    /// The largest number of tags that a line may have.
    pub(crate) count_max: usize,
    /// The most bytes that the tags of a line may have.
    pub(crate) bytes_max: usize,
    /// Tags that every series gets.
    pub(crate) constant: Vec<ConstantTag>,
    /// Whether the fields that tell where a sample comes from are tags.
    pub(crate) origin: bool,
    /// Whether they are folded into names.
    pub(crate) folded: bool,
    /// How.
    pub(crate) template: TagTemplate,
}

/// Whether tags are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagMode {
    /// As the dialect of the listener has it.
    Dialect,
    /// They make series.
    Keep,
    /// They are read and left out.
    Drop,
}

impl TagMode {
    /// Each with its word.
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("dialect", Self::Dialect), ("keep", Self::Keep), ("drop", Self::Drop)];
}
