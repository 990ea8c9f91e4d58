//! Name and tags of a series in one text, the same for every spelling.
//!
//! ```text
//! requests                                   without tags
//! requests 0x1f env 0x1e prod 0x1f flag      tags env = prod and flag, sorted by key
//! ```
//!
//! Neither of the two separators can stand in a name or a tag: dialects delete control characters
//! or reject them.

use std::ops::Range;

use gstatsd_wire::Tag;

/// Stands before each tag.
const TAG: u8 = 0x1f;
/// Stands between a key and its value.
const VALUE: u8 = 0x1e;

/// The text of a series, to be read as a name and tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesName<'a> {
    name: &'a [u8],
    /// Empty, or begins with the separator of the first tag.
    tags: &'a [u8],
}

impl<'a> SeriesName<'a> {
    /// Reads the text of a [`Series`](crate::Series).
    #[must_use]
    pub fn of(text: &'a [u8]) -> Self {
        // Most have no tags, and to see that is faster than to look for their place.
        let end = match text.contains(&TAG) {
            true => text.iter().position(|&byte| byte == TAG).unwrap_or(text.len()),
            false => text.len(),
        };
        let (name, tags) = text.split_at(end);
        Self { name, tags }
    }

    /// The name without the tags.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        self.name
    }

    /// Whether there is any tag.
    #[must_use]
    pub fn has_tags(self) -> bool {
        !self.tags.is_empty()
    }

    /// The name and the tags for a person or a log: `requests;env=prod;flag`.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name);
        for tag in self.tags() {
            out.push(b';');
            out.extend_from_slice(tag.key);
            if let Some(value) = tag.value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
    }

    /// The tags, in the order of their keys, each key once.
    pub fn tags(self) -> impl Iterator<Item = Tag<'a>> + Clone {
        self.tags.split(|&byte| byte == TAG).skip(1).map(|tag| {
            match tag.iter().position(|&byte| byte == VALUE) {
                Some(end) => Tag { key: &tag[..end], value: Some(&tag[end + 1..]) },
                None => Tag { key: tag, value: None },
            }
        })
    }
}

/// Appends the text of a series to `out`. The tags may come in any order and are sorted here; of
/// several with one key the last holds. Gives the number of the others. Neither the name nor a
/// tag has a control character.
pub fn write_series(name: &[u8], tags: &mut Vec<Tag<'_>>, out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(name);
    let before = tags.len();
    // Stable, so that of one key the last one still stands last.
    tags.reverse();
    tags.sort_by_key(|tag| tag.key);
    tags.dedup_by_key(|tag| tag.key);
    for Tag { key, value } in &*tags {
        out.push(TAG);
        out.extend_from_slice(key);
        if let Some(value) = value {
            out.push(VALUE);
            out.extend_from_slice(value);
        }
    }
    before - tags.len()
}

/// Tags on their way to the text of a series.
#[derive(Debug, Default)]
pub(crate) struct TagSet {
    text: Vec<u8>,
    tags: Vec<Span>,
}

/// Where a tag stands in the text.
#[derive(Clone, Debug)]
struct Span {
    key: Range<usize>,
    value: Option<Range<usize>>,
}

impl TagSet {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.tags.clear();
    }

    /// Adds a tag whose key and value are what these append. One without a key is none.
    pub(crate) fn push(
        &mut self,
        key: impl FnOnce(&mut Vec<u8>),
        value: Option<impl FnOnce(&mut Vec<u8>)>,
    ) {
        let start = self.text.len();
        key(&mut self.text);
        let end = self.text.len();
        if end > start {
            let value = value.map(|value| {
                value(&mut self.text);
                end..self.text.len()
            });
            self.tags.push(Span { key: start..end, value });
        }
    }

    /// Of several tags with one key, keeps the last. Gives the number of the others.
    pub(crate) fn keep_last(&mut self) -> usize {
        let before = self.tags.len();
        let key = |tag: &Span| &self.text[tag.key.clone()];
        // Stable, so that of one key the last one stands first.
        self.tags.reverse();
        self.tags.sort_by(|one, other| key(one).cmp(key(other)));
        self.tags.dedup_by(|one, other| key(one) == key(other));
        before - self.tags.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    pub(crate) fn has(&self, key: &[u8]) -> bool {
        self.iter().any(|tag| tag.key == key)
    }

    pub(crate) fn remove(&mut self, key: &[u8]) {
        self.tags.retain(|tag| self.text[tag.key.clone()] != *key);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Tag<'_>> {
        self.tags.iter().map(|Span { key, value }| Tag {
            key: &self.text[key.clone()],
            value: value.as_ref().map(|value| &self.text[value.clone()]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag<'_> {
        match text.split_once('=') {
            Some((key, value)) => Tag { key: key.as_bytes(), value: Some(value.as_bytes()) },
            None => Tag { key: text.as_bytes(), value: None },
        }
    }

    fn check(tags: &[&str], expected: &[&str], repeated: usize) {
        let mut text = Vec::new();
        let mut given: Vec<_> = tags.iter().map(|text| tag(text)).collect();
        assert_eq!(write_series(b"a.b", &mut given, &mut text), repeated, "{tags:?}");
        let read = SeriesName::of(&text);
        assert_eq!(read.name(), b"a.b");
        assert_eq!(read.has_tags(), !expected.is_empty());
        let mut shown = Vec::new();
        read.write(&mut shown);
        assert_eq!(shown, [&["a.b"], expected].concat().join(";").as_bytes());
        let expected: Vec<_> = expected.iter().map(|text| tag(text)).collect();
        assert_eq!(read.tags().collect::<Vec<_>>(), expected, "{tags:?}");
    }

    #[test]
    fn tags_are_a_set_in_the_order_of_their_keys() {
        check(&[], &[], 0);
        check(&["b=1", "a=2"], &["a=2", "b=1"], 0);
        check(&["ab=1", "a=2", "a.=3", "b"], &["a=2", "a.=3", "ab=1", "b"], 0);
        check(&["flag", "empty="], &["empty=", "flag"], 0);
    }

    #[test]
    fn of_several_tags_with_one_key_the_last_holds() {
        check(&["b=1", "a=1", "b=2", "b=3"], &["a=1", "b=3"], 2);
        check(&["b=1", "b"], &["b"], 1);
        check(&["b", "b="], &["b="], 1);
        check(&["b=2", "b=1", "c=1", "c=1"], &["b=1", "c=1"], 2);
    }

    #[test]
    fn a_set_keeps_the_last_tag_of_a_key_and_none_without_a_key() {
        let mut set = TagSet::default();
        let push = |set: &mut TagSet, text: &'static str| {
            let Tag { key, value } = tag(text);
            let append = |text: &'static [u8]| move |out: &mut Vec<u8>| out.extend_from_slice(text);
            set.push(append(key), value.map(append));
        };
        for text in ["b=1", "a=1", "=1", "", "b=2", "c", "b"] {
            push(&mut set, text);
        }
        assert_eq!(set.keep_last(), 2);
        let tags: Vec<_> = set.iter().collect();
        assert_eq!(tags, [tag("a=1"), tag("b"), tag("c")]);
        assert!(set.has(b"b") && !set.has(b""));
        set.remove(b"b");
        assert!(!set.has(b"b") && !set.is_empty());
        push(&mut set, "b=3");
        assert_eq!(set.iter().last(), Some(tag("b=3")));
        set.clear();
        assert!(set.is_empty());
    }

    #[test]
    fn a_text_without_tags_is_its_name() {
        let read = SeriesName::of(b"a;b=c");
        assert_eq!((read.name(), read.tags().count()), (&b"a;b=c"[..], 0));
        assert_eq!(SeriesName::of(b"").name(), b"");
    }
}
