//! The styles in which tags are written, and a line's tags one by one.
//!
//! | style | shape |
//! |---|---|
//! | DogStatsD | `name:1\|c\|#k:v,bare` |
//! | Graphite | `name;k=v;k2=v2:1\|c` |
//! | InfluxDB | `name,k=v,k2=v2:1\|c` |
//! | Librato | `name#k=v,k2=v2:1\|c` |
//! | SignalFx | `name[k=v,k2=v2]:1\|c` |
//! | Lyft | `name.__k=v.__k2=v2:1\|c` |
//!
//! The name ends where the first mark of a style that is read begins its tags, and that style
//! rules all the rest before the colon, so other marks are part of its tags: `a;b=1,c=2` has one
//! tag in the style of Graphite. A mark that begins no tags is part of the name: `[` without a
//! `]` behind it, `.__` without `=` before the next one. What stands behind the `]` is part of the
//! name again.
//!
//! All tags of a line count, for all its values: those in the name first, then those in the fields
//! from left to right. A key ends at the first `=` in a name; in a field at the first `:`, or
//! where there is none at the first `=`. Items without a key are nothing.

use crate::parse::until;
use crate::{Grammar, Sample};

/// One tag of a sample: a key with a value, or a key alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag<'a> {
    /// What stands before the separator; all of it where there is none. Not empty.
    pub key: &'a [u8],
    /// What stands behind the separator, empty too; `None` for a bare tag.
    pub value: Option<&'a [u8]>,
}

/// A style in which tags are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TagStyle {
    /// `name:1|c|#k:v,bare`
    DogStatsd,
    /// `name;k=v;k2=v2:1|c`
    Graphite,
    /// `name,k=v,k2=v2:1|c`
    Influx,
    /// `name#k=v,k2=v2:1|c`
    Librato,
    /// `name[k=v,k2=v2]:1|c`
    SignalFx,
    /// `name.__k=v.__k2=v2:1|c`
    Lyft,
}

impl TagStyle {
    /// Every style, in the order of its discriminant.
    pub const ALL: [Self; 6] =
        [Self::DogStatsd, Self::Graphite, Self::Influx, Self::Librato, Self::SignalFx, Self::Lyft];

    /// The word for it: `dogstatsd`, `graphite`, `influx`, `librato`, `signalfx` or `lyft`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::DogStatsd => "dogstatsd",
            Self::Graphite => "graphite",
            Self::Influx => "influx",
            Self::Librato => "librato",
            Self::SignalFx => "signalfx",
            Self::Lyft => "lyft",
        }
    }
}

/// A set of styles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagStyles(u8);

impl TagStyles {
    /// No style.
    pub const NONE: Self = Self(0);
    /// All of them: tags are detected.
    pub const ALL: Self = Self::of(&TagStyle::ALL);

    /// These styles.
    #[must_use]
    pub const fn of(styles: &[TagStyle]) -> Self {
        let mut set = Self::NONE;
        let mut rest = styles;
        while let [style, others @ ..] = rest {
            set.0 |= 1 << *style as u8;
            rest = others;
        }
        set
    }

    /// Whether a style is among them.
    #[inline]
    #[must_use]
    pub const fn has(self, style: TagStyle) -> bool {
        self.0 & (1 << style as u8) != 0
    }

    /// Whether one of them stands in names.
    #[inline]
    #[must_use]
    pub const fn in_names(self) -> bool {
        self.0 & !(1 << TagStyle::DogStatsd as u8) != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = TagStyle> {
        TagStyle::ALL.into_iter().filter(move |style| self.has(*style))
    }
}

/// The name and the tags of a metric line, apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged<'a> {
    /// The name: what stands before the tags in it, and what stands behind them, which only the
    /// style of SignalFx has.
    pub name: [&'a [u8]; 2],
    inside: Inside<'a>,
    pub(crate) fields: Fields<'a>,
}

/// The tags in a name, without the marks around them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Inside<'a> {
    text: &'a [u8],
    style: Option<TagStyle>,
}

/// The fields of a line that have tags, as a [`Sample`](crate::Sample) has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    pub(crate) tags: &'a [u8],
    pub(crate) origin: &'a [u8],
}

/// What begins the tags of Lyft's style, each of them.
const LYFT: &[u8] = b".__";

/// How the fields begin that tell where a sample comes from, and the keys of their tags.
const ORIGINS: [(&[u8], &[u8]); 3] =
    [(b"c:", b"container_id"), (b"e:", b"external_data"), (b"card:", b"cardinality")];

impl Grammar {
    /// The name and the tags of a sample.
    #[must_use]
    pub fn tagged<'a>(&self, sample: &Sample<'a>) -> Tagged<'a> {
        self.apart(sample.name, Fields { tags: sample.tags, origin: sample.origin })
    }

    /// The name and the tags of a metric line, which are those of all its samples.
    #[must_use]
    pub fn tagged_line<'a>(&self, line: &'a [u8]) -> Tagged<'a> {
        let (name, values) = until(line, |byte| byte == b':');
        self.tagged_parts(name, values)
    }

    /// The name and the tags of a metric line, given what stands before its first colon and what
    /// begins with it.
    pub(crate) fn tagged_parts<'a>(&self, name: &'a [u8], values: &'a [u8]) -> Tagged<'a> {
        let mut fields = Fields::default();
        if self.tag_styles.has(TagStyle::DogStatsd) && values.contains(&b'#') {
            fields.tags = span(values, is_tags).get(1..).unwrap_or_default();
        }
        if self.origin {
            fields.origin = span(values, is_origin);
        }
        self.apart(name, fields)
    }

    /// The name and the tags of a text before a colon and of fields.
    pub(crate) fn apart<'a>(&self, text: &'a [u8], fields: Fields<'a>) -> Tagged<'a> {
        let inside = if self.tag_styles.in_names() { split(text, self.tag_styles) } else { None };
        let (name, inside) = inside.unwrap_or(([text, b""], Inside::default()));
        Tagged { name, inside, fields }
    }
}

impl<'a> Tagged<'a> {
    /// Every tag, in the order in which they stand. One key may come several times.
    pub fn tags(&self) -> impl Iterator<Item = Tag<'a>> + use<'a> {
        let items = self.fields.texts().flat_map(items);
        self.inside
            .items()
            .filter_map(|item| tag(item, b'='))
            .chain(items)
            .chain(self.fields.origins().filter_map(tag_of_origin))
    }

    /// Whether there may be any tag.
    #[must_use]
    pub fn has_tags(&self) -> bool {
        !self.inside.text.is_empty() || self.fields != Fields::default()
    }

    /// How many bytes the tags have.
    pub(crate) fn tag_bytes(&self) -> usize {
        let fields = self.fields.texts().chain(self.fields.origins());
        self.inside.text.len() + fields.map(<[u8]>::len).sum::<usize>()
    }
}

impl<'a> Fields<'a> {
    /// The text of each tags field, without its `#`.
    pub(crate) fn texts(self) -> impl Iterator<Item = &'a [u8]> {
        // The first one has lost its mark, so that it may look like a rate.
        let (first, others) = until(self.tags, |byte| byte == b'|');
        let first = Some(first).filter(|_| !self.tags.is_empty());
        let others = Walk::from_values(others).map(|field| field.text);
        let others = others.filter(|field| is_tags(field)).filter_map(|field| field.get(1..));
        first.into_iter().chain(others)
    }

    /// Each field that tells where the samples come from.
    pub(crate) fn origins(self) -> impl Iterator<Item = &'a [u8]> {
        let fields = Walk::from_field(self.origin).map(|field| field.text);
        fields.filter(|field| is_origin(field))
    }

    /// Whether there is a line that has these fields: both texts end where a field of theirs does.
    pub(crate) fn end_well(self) -> bool {
        let (_, others) = until(self.tags, |byte| byte == b'|');
        let last = |fields: Walk<'a>| fields.last().map(|field| field.text);
        (others.is_empty() || last(Walk::from_values(others)).is_some_and(is_tags))
            && last(Walk::from_field(self.origin)).is_none_or(is_origin)
    }
}

impl<'a> Inside<'a> {
    fn items(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = Some(self.text);
        std::iter::from_fn(move || {
            let text = rest?;
            let end = match self.style {
                Some(TagStyle::Lyft) => find_lyft(text),
                Some(TagStyle::Graphite) => text.iter().position(|byte| *byte == b';'),
                _ => text.iter().position(|byte| *byte == b','),
            };
            let mark = if self.style == Some(TagStyle::Lyft) { LYFT.len() } else { 1 };
            let (item, behind) = text.split_at_checked(end.unwrap_or(text.len()))?;
            rest = behind.get(mark..);
            Some(item)
        })
    }
}

/// The name and the tags in it, of a text before a colon that has any.
fn split(text: &[u8], styles: TagStyles) -> Option<([&[u8]; 2], Inside<'_>)> {
    // Without one, no bracket begins tags, and none is looked for again.
    let closes = text.iter().rposition(|byte| *byte == b']');
    for (at, byte) in text.iter().enumerate() {
        let (style, mark) = match byte {
            b';' => (TagStyle::Graphite, 1),
            b',' => (TagStyle::Influx, 1),
            b'#' => (TagStyle::Librato, 1),
            b'[' if closes > Some(at) => (TagStyle::SignalFx, 1),
            b'.' if begins_lyft(text.get(at..)?) => (TagStyle::Lyft, LYFT.len()),
            _ => continue,
        };
        if !styles.has(style) {
            continue;
        }
        let (name, behind) = (text.get(..at)?, text.get(at + mark..)?);
        let (inside, behind) = match style {
            TagStyle::SignalFx => until(behind, |byte| byte == b']'),
            _ => (behind, &[][..]),
        };
        let rest = behind.get(1..).unwrap_or_default();
        return Some(([name, rest], Inside { text: inside, style: Some(style) }));
    }
    None
}

/// Whether a text begins with the mark of Lyft's tags and has `=` before the next mark.
fn begins_lyft(text: &[u8]) -> bool {
    text.strip_prefix(LYFT).is_some_and(|item| {
        let item = find_lyft(item).and_then(|end| item.get(..end)).unwrap_or(item);
        item.contains(&b'=')
    })
}

fn find_lyft(text: &[u8]) -> Option<usize> {
    text.windows(LYFT.len()).position(|window| window == LYFT)
}

/// The tag of an item whose key ends at the first separator.
fn tag(item: &[u8], separator: u8) -> Option<Tag<'_>> {
    let (key, rest) = until(item, |byte| byte == separator);
    (!key.is_empty()).then_some(Tag { key, value: rest.get(1..) })
}

/// The tags of a field, given its text without the `#`.
pub(crate) fn items(text: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let items = text.split(|byte| *byte == b',');
    items.filter_map(|item| tag(item, if item.contains(&b':') { b':' } else { b'=' }))
}

fn tag_of_origin(field: &[u8]) -> Option<Tag<'_>> {
    let (_, key) = ORIGINS.iter().find(|(begin, _)| field.starts_with(begin))?;
    let (_, rest) = until(field, |byte| byte == b':');
    Some(Tag { key, value: rest.get(1..) }).filter(|tag| tag.value != Some(b""))
}

fn is_tags(field: &[u8]) -> bool {
    field.starts_with(b"#")
}

fn is_origin(field: &[u8]) -> bool {
    ORIGINS.iter().any(|(begin, _)| field.starts_with(begin))
}

/// From the first byte of the first such field to the last byte of the last one; nothing where
/// there is none.
fn span(values: &[u8], is: impl Fn(&[u8]) -> bool) -> &[u8] {
    let mut fields = Walk::from_values(values).filter(|field| is(field.text));
    let Some(first) = fields.next() else { return &[] };
    let last = fields.last().unwrap_or(first);
    let behind = last.from.len() - last.text.len();
    first.from.get(..first.from.len() - behind).unwrap_or_default()
}

/// Goes from field to field of a line, over the types and values between them.
struct Walk<'a> {
    /// Begins with the next field.
    rest: Option<&'a [u8]>,
}

/// A field, and the text that begins with it.
#[derive(Clone, Copy)]
struct Field<'a> {
    text: &'a [u8],
    from: &'a [u8],
}

impl<'a> Walk<'a> {
    /// The fields of a text that begins with one; nothing of an empty text.
    fn from_field(text: &'a [u8]) -> Self {
        Self { rest: Some(text).filter(|text| !text.is_empty()) }
    }

    /// The fields of a text that begins with the pipe before one, or with the colon before values.
    fn from_values(values: &'a [u8]) -> Self {
        Self { rest: next_field(values) }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let from = self.rest?;
        let (text, behind) = split_field(from);
        self.rest = next_field(behind);
        Some(Field { text, from })
    }
}

/// The field that a text begins with, and what follows: a colon ends a rate, so that the next
/// values can begin; it belongs to any other field.
pub(crate) fn split_field(text: &[u8]) -> (&[u8], &[u8]) {
    let is_rate = text.starts_with(b"@");
    until(text, |byte| byte == b'|' || is_rate && byte == b':')
}

/// The text from the next field on, given the pipe before it, or the colon before values whose
/// type it follows.
fn next_field(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        match text.split_first()? {
            (b'|', field) => return Some(field),
            (_, values) => {
                let (_, kind) = until(values, |byte| byte == b'|');
                (_, text) = until(kind.get(1..)?, |byte| matches!(byte, b'|' | b':'));
            }
        }
    }
}
