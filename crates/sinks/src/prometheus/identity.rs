//! What a series is called by Prometheus: a name of a family, its kind, and labels.
//!
//! ```text
//! shop.orders  env=prod   --> "shop_orders" 0x00 kind "env=\"prod\""
//! ```
//!
//! The bytes sort so that families come in the order of their names, and what is of one kind of
//! a family lies side by side. Two series that come to the same bytes are one to Prometheus.

use gstatsd_aggregate::{SeriesKind, SeriesName};

/// What a family is to Prometheus. Of several with one name the first keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    /// A counter.
    Counter = 1,
    /// A timer, a histogram or a distribution: a summary.
    Timer,
    /// A gauge.
    Gauge,
    /// The size of a set: a gauge.
    Set,
    /// One of our own metrics, which may be a count or a state.
    Own,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Counter, Self::Timer, Self::Gauge, Self::Set, Self::Own];

    pub(super) fn of(kind: SeriesKind) -> Self {
        match kind {
            SeriesKind::Counter => Self::Counter,
            SeriesKind::Gauge => Self::Gauge,
            SeriesKind::Set => Self::Set,
            SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => Self::Timer,
        }
    }

    /// What is put to the name of a family that another kind has, or could have.
    fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "",
            Self::Timer => "_as_timer",
            Self::Gauge => "_as_value",
            Self::Set => "_as_set",
            Self::Own => "_as_own",
        }
    }
}

/// Endings that formats put to names of families themselves, and ours.
const RESERVED: [&[u8]; 12] = [
    b"_total",
    b"_created",
    b"_count",
    b"_sum",
    b"_bucket",
    b"_gcount",
    b"_gsum",
    b"_info",
    b"_as_timer",
    b"_as_value",
    b"_as_set",
    b"_as_own",
];

/// Appends the identity of a series.
pub(super) fn write(kind: Kind, series: &[u8], out: &mut Vec<u8>) {
    let series = SeriesName::of(series);
    let start = out.len();
    write_name(series.name(), true, out);
    if kind == Kind::Counter {
        // The ending is the format's, and stands there once.
        if let Some(stem) = out[start..].strip_suffix(b"_total").filter(|stem| !stem.is_empty()) {
            out.truncate(start + stem.len());
        }
    } else if RESERVED.iter().any(|ending| out[start..].ends_with(ending)) {
        out.extend_from_slice(kind.suffix().as_bytes());
    }
    out.extend_from_slice(&[0, kind as u8]);
    write_labels(series, out);
}

/// The parts of an identity.
pub(super) fn read(identity: &[u8]) -> (&[u8], Kind, &[u8]) {
    let end = identity.iter().position(|byte| *byte == 0).unwrap_or(identity.len());
    let (family, rest) = identity.split_at(end);
    let kind = rest.get(1).and_then(|kind| Kind::ALL.iter().find(|known| **known as u8 == *kind));
    (family, kind.copied().unwrap_or(Kind::Own), rest.get(2..).unwrap_or_default())
}

/// Whether these bytes can be an identity: one that goes to a page without harm to others.
pub(super) fn is_sound(identity: &[u8]) -> bool {
    let mut parts = identity.splitn(2, |byte| *byte == 0);
    let (family, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Some((kind, labels)) = rest.split_first() else { return false };
    is_name(family, true)
        && Kind::ALL.iter().any(|known| *known as u8 == *kind)
        && are_labels(labels)
}

/// Whether a name is `[a-zA-Z_][a-zA-Z0-9_]*`, with colons too where they are allowed.
fn is_name(name: &[u8], colons: bool) -> bool {
    let is_allowed =
        |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || colons && *byte == b':';
    !name.is_empty() && !name[0].is_ascii_digit() && name.iter().all(is_allowed)
}

/// Whether this is nothing, or `a="b",c="d"` in the order of the labels, each once.
fn are_labels(labels: &[u8]) -> bool {
    let Ok(mut rest) = str::from_utf8(labels) else { return false };
    let mut last = "";
    while !rest.is_empty() {
        let Some((label, value)) = rest.split_once("=\"") else { return false };
        if !is_name(label.as_bytes(), false) || label <= last {
            return false;
        }
        last = label;
        let mut bytes = value.bytes().enumerate();
        let end = loop {
            match bytes.next() {
                Some((at, b'"')) => break at,
                Some((_, b'\\')) => match bytes.next() {
                    Some((_, b'\\' | b'"' | b'n')) => {}
                    _ => return false,
                },
                None | Some((_, b'\n')) => return false,
                Some(_) => {}
            }
        };
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) if !more.is_empty() => rest = more,
            Some(_) => return false,
            None if rest.is_empty() => {}
            None => return false,
        }
    }
    true
}

/// The name of a family whose plain name another kind has.
pub(super) fn apart(family: &[u8], kind: Kind) -> Vec<u8> {
    [family, kind.suffix().as_bytes()].concat()
}

/// Appends a name of `[a-zA-Z_][a-zA-Z0-9_]*`, with colons too where they are allowed: what else
/// there is becomes `_`.
fn write_name(name: &[u8], colons: bool, out: &mut Vec<u8>) {
    if name.first().is_none_or(u8::is_ascii_digit) {
        out.push(b'_');
    }
    // One `_` for each character, not for each of its bytes.
    let begins = name.iter().filter(|byte| **byte & 0xc0 != 0x80);
    out.extend(begins.map(|&byte| match byte {
        b':' if colons => b':',
        byte if byte.is_ascii_alphanumeric() => byte,
        _ => b'_',
    }));
}

/// Appends `a="b",c="d"`: the tags in the order of their labels. Of tags that come to one label
/// the first counts.
fn write_labels(series: SeriesName<'_>, out: &mut Vec<u8>) {
    if !series.has_tags() {
        return;
    }
    let label = |key: &[u8]| {
        let mut label = Vec::with_capacity(key.len() + 1);
        write_name(key, false, &mut label);
        // Those that begin so are Prometheus' own; and it gives a summary this one.
        if label.starts_with(b"__") || label == b"quantile" || label == b"le" {
            label.splice(0..0, *b"tag_");
        }
        label
    };
    let mut labels: Vec<_> = series.tags().map(|tag| (label(tag.key), tag.value)).collect();
    labels.sort_by(|(left, _), (right, _)| left.cmp(right));
    labels.dedup_by(|(left, _), (right, _)| left == right);
    for (place, (label, value)) in labels.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(label);
        out.extend_from_slice(b"=\"");
        write_value(value.unwrap_or(b"true"), out);
        out.push(b'"');
    }
}

/// Appends the value of a label: UTF-8, with what would end it escaped.
fn write_value(value: &[u8], out: &mut Vec<u8>) {
    for chunk in value.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'\\' => out.extend_from_slice(br"\\"),
                b'"' => out.extend_from_slice(br#"\""#),
                b'\n' => out.extend_from_slice(br"\n"),
                byte => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use gstatsd_aggregate::write_series;
    use gstatsd_wire::Tag;

    use super::*;

    fn identity(kind: Kind, name: &str, tags: &[(&str, Option<&str>)]) -> String {
        let tag = |(key, value): &(&'static str, Option<&'static str>)| Tag {
            key: key.as_bytes(),
            value: value.map(str::as_bytes),
        };
        // Leaked, as the tags of a test live as long as it does.
        let tags: Vec<(&'static str, Option<&'static str>)> = tags
            .iter()
            .map(|(key, value)| {
                let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into()) };
                (leak(key), value.map(leak))
            })
            .collect();
        let (mut text, mut out) = (Vec::new(), Vec::new());
        write_series(name.as_bytes(), &mut tags.iter().map(tag).collect(), &mut text);
        write(kind, &text, &mut out);
        assert!(is_sound(&out), "{}", out.escape_ascii());
        let (family, read_kind, labels) = read(&out);
        assert_eq!(read_kind, kind);
        format!("{}{{{}}}", family.escape_ascii(), String::from_utf8(labels.to_vec()).unwrap())
    }

    #[test]
    fn names_are_made_of_what_prometheus_allows() {
        let cases = [
            ("shop.orders", "shop_orders{}"),
            ("a:b", "a:b{}"),
            ("5xx", "_5xx{}"),
            ("grö-ße", "gr___e{}"),
            ("", "_{}"),
            ("orders_total", "orders{}"),
            ("_total", "_total{}"),
        ];
        for (name, expected) in cases {
            assert_eq!(identity(Kind::Counter, name, &[]), expected);
        }
    }

    #[test]
    fn no_gauge_can_be_taken_for_a_part_of_another_family() {
        assert_eq!(identity(Kind::Gauge, "a.count", &[]), "a_count_as_value{}");
        assert_eq!(identity(Kind::Timer, "a.total", &[]), "a_total_as_timer{}");
        assert_eq!(identity(Kind::Set, "a.as.value", &[]), "a_as_value_as_set{}");
        assert_eq!(identity(Kind::Gauge, "a.counts", &[]), "a_counts{}");
    }

    #[test]
    fn labels_are_valid_and_say_what_the_tags_say() {
        let tags = [
            ("quantile", Some("a\"b\\c")),
            ("__name__", Some("x")),
            ("a-b", Some("1")),
            ("a.b", Some("2")),
            ("Z", None),
        ];
        assert_eq!(
            identity(Kind::Gauge, "x", &tags),
            r#"x{Z="true",a_b="1",tag___name__="x",tag_quantile="a\"b\\c"}"#
        );
    }

    #[test]
    fn what_could_break_a_page_is_no_identity() {
        let sound: [&[u8]; 4] =
            [b"a\0\x01", b"a:b\0\x02", b"a\0\x03b=\"\"", b"a\0\x04b=\"x\\\"\",c=\"d\""];
        for identity in sound {
            assert!(is_sound(identity), "{}", identity.escape_ascii());
        }
        let unsound: [&[u8]; 14] = [
            b"",
            b"a",
            b"a\0",
            b"\0\x01",
            b"5\0\x01",
            b"a b\0\x01",
            b"a\0\x00",
            b"a\0\x01b",
            b"a\0\x01b=\"c",
            b"a\0\x01b=\"c\",",
            b"a\0\x01b=\"c\\x\"",
            b"a\0\x01b=\"c\nd\"",
            b"a\0\x01b=\"c\",b=\"d\"",
            b"a\0\x01b=\"\xff\"",
        ];
        for identity in unsound {
            assert!(!is_sound(identity), "{}", identity.escape_ascii());
        }
    }
}
