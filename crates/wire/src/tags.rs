//! What a tag is.

/// One tag of a sample: a key with a value, or a key alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag<'a> {
    /// What stands before the separator; all of it where there is none. Not empty.
    pub key: &'a [u8],
    /// What stands behind the separator, empty too; `None` for a bare tag.
    pub value: Option<&'a [u8]>,
}
