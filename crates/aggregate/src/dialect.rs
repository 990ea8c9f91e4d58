//! A dialect: the switches in which the originals differ.

use gstatsd_wire::{Grammar, Kind};

use crate::SeriesKind;

/// How lines are read and how names are made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// How lines are read.
    pub grammar: Grammar,
    /// What becomes of names.
    pub sanitising: Sanitising,
    /// Whether distributions are series of their own, apart from histograms, which timers are
    /// too. Otherwise all values of a name and tags are one timer.
    pub histograms_apart: bool,
}

/// What becomes of the bytes of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanitising {
    /// `/` becomes `_`, and all but `[A-Za-z0-9_.-]` is deleted.
    Gstatsd,
    /// Blanks become one `_`, `/` becomes `-`, and all but `[A-Za-z0-9_.;=-]` is deleted.
    Statsd,
    /// UTF-8 is kept but for control characters; other bytes are deleted. Whoever writes a name
    /// down makes it safe.
    Keep,
}

impl Dialect {
    /// gstatsd 0.6.
    pub const GSTATSD: Self = Self {
        grammar: Grammar::GSTATSD,
        sanitising: Sanitising::Gstatsd,
        histograms_apart: false,
    };

    /// The Node.js StatsD.
    pub const STATSD: Self =
        Self { grammar: Grammar::STATSD, sanitising: Sanitising::Statsd, histograms_apart: false };

    /// DogStatsD.
    pub const DOGSTATSD: Self =
        Self { grammar: Grammar::DOGSTATSD, sanitising: Sanitising::Keep, histograms_apart: true };

    /// The kind of series that a type feeds. Meters are counters everywhere, and the
    /// values of keys gauges.
    #[inline]
    #[must_use]
    pub const fn series_kind(&self, kind: Kind) -> SeriesKind {
        match kind {
            Kind::Counter | Kind::Meter => SeriesKind::Counter,
            Kind::Distribution if self.histograms_apart => SeriesKind::Distribution,
            Kind::Gauge | Kind::KeyValue => SeriesKind::Gauge,
            Kind::Histogram | Kind::Timer if self.histograms_apart => SeriesKind::Histogram,
            Kind::Set => SeriesKind::Set,
            Kind::Distribution | Kind::Histogram | Kind::Timer => SeriesKind::Timer,
        }
    }

    /// Appends the key or the value of a tag to `out` as the dialect writes it: like a name, but
    /// for `;`, which ends a tag, and so becomes `_`. gstatsd 0.6 had no tags; they are kept.
    pub fn sanitise_tag(&self, text: &[u8], out: &mut Vec<u8>) {
        match self.sanitising {
            Sanitising::Gstatsd | Sanitising::Keep => keep_text(text, out),
            Sanitising::Statsd => {
                let mut text = text.to_vec();
                text.iter_mut().filter(|byte| **byte == b';').for_each(|byte| *byte = b'_');
                sanitise_statsd(&text, out);
            }
        }
    }

    /// Appends a name to `out` as the dialect writes it. What it writes stays as it is when it
    /// is sanitised again.
    pub fn sanitise(&self, name: &[u8], out: &mut Vec<u8>) {
        match self.sanitising {
            Sanitising::Gstatsd => out.extend(name.iter().copied().filter_map(gstatsd_byte)),
            Sanitising::Statsd => sanitise_statsd(name, out),
            Sanitising::Keep => keep_text(name, out),
        }
    }
}

fn keep_text(text: &[u8], out: &mut Vec<u8>) {
    let chars = text.utf8_chunks().flat_map(|chunk| chunk.valid().chars());
    for char in chars.filter(|char| !char.is_control()) {
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn gstatsd_byte(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' => Some(byte),
        b'/' => Some(b'_'),
        _ => None,
    }
}

fn sanitise_statsd(name: &[u8], out: &mut Vec<u8>) {
    let mut after_blank = false;
    // As the original reads bytes: what is no UTF-8 is a character that is deleted.
    for chunk in name.utf8_chunks() {
        for char in chunk.valid().chars() {
            let blank = is_blank(char);
            match char {
                _ if blank && after_blank => {}
                _ if blank => out.push(b'_'),
                '/' => out.push(b'-'),
                'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '.' | '-' | ';' | '=' => {
                    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => {}
            }
            after_blank = blank;
        }
        after_blank &= chunk.invalid().is_empty();
    }
}

/// What `\s` matches in JavaScript (ECMA-262, `WhiteSpace` and `LineTerminator`).
fn is_blank(char: char) -> bool {
    matches!(
        char,
        '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}'
            | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sanitised(dialect: &Dialect, name: &[u8]) -> String {
        let mut out = Vec::new();
        dialect.sanitise(name, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Every byte as a name, one after the other.
    fn bytes(dialect: &Dialect) -> String {
        (0..=255).map(|byte| sanitised(dialect, &[byte])).collect()
    }

    #[test]
    fn gstatsd_keeps_what_graphite_can_bear() {
        let kept = "-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
        assert_eq!(bytes(&Dialect::GSTATSD), kept);
    }

    #[test]
    fn statsd_keeps_the_separators_of_tags_too_and_turns_blanks_into_underscores() {
        let kept = "______-.-0123456789;=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
        assert_eq!(bytes(&Dialect::STATSD), kept);
        for (name, expected) in [
            ("a b/c$d", "a_b-cd"),
            ("a \t\u{a0}\u{2003}b ", "a_b_"),
            ("a $ b", "a__b"),
            ("caf\u{e9}.\u{6f22}", "caf."),
            ("a:b", "ab"),
        ] {
            assert_eq!(sanitised(&Dialect::STATSD, name.as_bytes()), expected, "{name}");
        }
        assert_eq!(sanitised(&Dialect::STATSD, b"a \xff b\xe2\x82"), "a__b");
    }

    #[test]
    fn dogstatsd_keeps_everything_that_is_text() {
        let name = "a b/c;d=e,f[g]\u{e9}\u{202e}";
        assert_eq!(sanitised(&Dialect::DOGSTATSD, name.as_bytes()), name);
        assert_eq!(sanitised(&Dialect::DOGSTATSD, b"a\x1f\x1eb\n\x7f\xc2\x85\xffc"), "abc");
    }

    #[test]
    fn tags_are_sanitised_like_names_and_kept_where_there_were_none() {
        let tag = |dialect: Dialect, text: &str| {
            let mut out = Vec::new();
            dialect.sanitise_tag(text.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(tag(Dialect::STATSD, "a;b c/d=e:f"), "a_b_c-d=ef");
        for dialect in [Dialect::GSTATSD, Dialect::DOGSTATSD] {
            assert_eq!(tag(dialect, "a;b c/d=e:\u{e9}\0"), "a;b c/d=e:\u{e9}");
        }
    }

    #[test]
    fn what_is_sanitised_stays_as_it_is() {
        let names: Vec<u8> = (0..=255).chain(*b" / \xc2\xa0\xff\xe9;").collect();
        for dialect in [Dialect::GSTATSD, Dialect::STATSD, Dialect::DOGSTATSD] {
            let once = sanitised(&dialect, &names);
            assert_eq!(sanitised(&dialect, once.as_bytes()), once);
        }
    }
}
