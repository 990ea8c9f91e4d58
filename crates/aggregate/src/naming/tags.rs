//! The name and the tags of a series as Graphite takes them.

use crate::SeriesName;

/// What a tag without a value is given, as Graphite knows no other tags.
const NO_VALUE: &[u8] = b"true";

/// Appends tags as Graphite writes them behind a name: `;env=prod;flag=true`. A byte that would
/// end a tag, or that Graphite refuses, becomes `_`.
pub(super) fn write_tags(series: SeriesName<'_>, out: &mut Vec<u8>) {
    for tag in series.tags() {
        let safe_in_key = |byte: u8| match byte {
            b'=' | b'!' | b'^' => b'_',
            byte => safe(byte),
        };
        out.push(b';');
        push_text(tag.key, safe_in_key, out);
        out.push(b'=');
        let value = tag.value.filter(|value| !value.is_empty()).unwrap_or(NO_VALUE);
        let start = out.len();
        push_text(value, safe, out);
        if out[start] == b'~' {
            out[start] = b'_';
        }
    }
}

fn safe(byte: u8) -> u8 {
    match byte {
        0..=b' ' | b';' | 0x7f => b'_',
        byte => byte,
    }
}

/// Appends a text with its ASCII made safe by a function. Blanks of any script become `_`, as
/// Graphite ends a name at each of them, and so does what is no UTF-8.
fn push_text(text: &[u8], safe: impl Fn(u8) -> u8, out: &mut Vec<u8>) {
    if text.is_ascii() {
        out.extend(text.iter().map(|&byte| safe(byte)));
        return;
    }
    for chunk in text.utf8_chunks() {
        for char in chunk.valid().chars() {
            match u8::try_from(char) {
                Ok(byte) if byte.is_ascii() => out.push(safe(byte)),
                _ if char.is_whitespace() => out.push(b'_'),
                _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.push(b'_');
        }
    }
}

/// Whether a name has a blank, which would end it in a line.
pub(super) fn has_blank(name: &[u8]) -> bool {
    // All of them are looked at, so that it is done many at a time.
    let ascii = name.iter().fold(false, |found, &byte| found | (byte <= b' ') | (byte == 0x7f));
    ascii
        || !name.is_ascii()
            && str::from_utf8(name).is_ok_and(|text| text.contains(char::is_whitespace))
}

/// Appends a name that may hold anything: bytes that mean something to Graphite or to a file
/// system become `_`, and parts without a byte are left out.
pub(super) fn write_safe_name(name: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    for part in name.split(|&byte| byte == b'.').filter(|part| !part.is_empty()) {
        if out.len() > start {
            out.push(b'.');
        }
        let safe = |byte: u8| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => byte,
            b'_' | b'-' | b':' | b'%' | b'+' | b'@' | b'#' => byte,
            _ => b'_',
        };
        push_text(part, safe, out);
    }
    if out.len() == start {
        out.push(b'_');
    }
}

/// The longest part of a name between dots, in bytes: Graphite makes a file or a folder of each,
/// whose name can have 255 bytes with its ending.
pub(super) const PART_BYTES_MAX: usize = 250;

/// Shortens the parts of a name that are too long for a file: what is cut off is told apart by a
/// hash (FNV-1a) of the whole part, so that two series remain two.
pub(super) fn shorten_parts(name: &[u8], out: &mut Vec<u8>) {
    for (index, part) in name.split(|&byte| byte == b'.').enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        if part.len() <= PART_BYTES_MAX {
            out.extend_from_slice(part);
            continue;
        }
        let hash = part.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let hash = format!("_{hash:016x}");
        let mut end = PART_BYTES_MAX - hash.len();
        // Not within a character.
        while end > 0 && part[end] & 0b1100_0000 == 0b1000_0000 {
            end -= 1;
        }
        out.extend_from_slice(&part[..end]);
        out.extend_from_slice(hash.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use gstatsd_wire::Tag;

    use super::*;
    use crate::write_series;

    fn tags(tags: &[(&str, Option<&str>)]) -> String {
        let mut series = Vec::new();
        let mut given: Vec<_> = Vec::new();
        for (key, value) in tags {
            given.push(Tag { key: key.as_bytes(), value: value.map(str::as_bytes) });
        }
        write_series(b"n", &mut given, &mut series);
        let mut out = Vec::new();
        write_tags(SeriesName::of(&series), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tags_stand_behind_the_name_each_with_a_value() {
        assert_eq!(tags(&[]), "");
        let expected = ";a=1;flag=true;none=true;z=y:/b_c";
        assert_eq!(
            tags(&[("z", Some("y:/b_c")), ("flag", None), ("none", Some("")), ("a", Some("1"))]),
            expected
        );
    }

    #[test]
    fn a_tag_ends_neither_itself_nor_its_line() {
        assert_eq!(tags(&[("a=b!c^d e", Some("~x;y z=~"))]), ";a_b_c_d_e=_x_y_z=~");
        assert_eq!(tags(&[("\u{e9}=\u{a0}", Some("\u{e9}\u{3000};"))]), ";\u{e9}__=\u{e9}__");
    }

    #[test]
    fn a_safe_name_is_a_path_without_empty_parts() {
        for (name, expected) in [
            ("a.b", "a.b"),
            ("..", "_"),
            ("", "_"),
            ("a..b", "a.b"),
            (".a.", "a"),
            ("../../etc/passwd", "_._etc_passwd"),
            ("a b/c*d{e}[f]~g;h=i,j\\k?", "a_b_c_d_e__f__g_h_i_j_k_"),
            ("99%:a+b@c#d-e_f", "99%:a+b@c#d-e_f"),
            ("caf\u{e9}.\u{6f22}", "caf\u{e9}.\u{6f22}"),
            ("a\u{a0}\u{3000}\u{2028}b \u{e9}", "a___b_\u{e9}"),
        ] {
            let mut out = b"x".to_vec();
            write_safe_name(name.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x{expected}"), "{name}");
        }
    }

    #[test]
    fn a_blank_of_any_script_is_found() {
        for name in ["a b", "\t", "a\u{7f}", "\u{a0}", "\u{e9}\u{3000}a", "a\n"] {
            assert!(has_blank(name.as_bytes()), "{name:?}");
        }
        for name in ["", "a.b;c=d", "caf\u{e9}/~*", "\u{6f22}"] {
            assert!(!has_blank(name.as_bytes()), "{name:?}");
        }
    }

    #[test]
    fn parts_that_are_too_long_for_a_file_are_shortened_and_stay_apart() {
        let shortened = |name: &str| {
            let mut out = Vec::new();
            shorten_parts(name.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        let longest = "x".repeat(PART_BYTES_MAX);
        assert_eq!(shortened(&format!("a.{longest}..b")), format!("a.{longest}..b"));
        let [one, other] = ["y", "z"].map(|end| shortened(&format!("a.{longest}{end}.b")));
        assert_ne!(one, other);
        for name in [&one, &other] {
            let parts: Vec<_> = name.split('.').collect();
            assert_eq!((parts[0], parts[1].len(), parts[2]), ("a", PART_BYTES_MAX, "b"));
            assert!(parts[1].starts_with(&longest[..233]));
        }
        assert!(shortened(&"a".repeat(251)).ends_with("_032fd0337586c62a"));
        for before in 0..4 {
            let name = shortened(&format!("{}{}", "a".repeat(before), "\u{1f600}".repeat(80)));
            assert!(name.len() > PART_BYTES_MAX - 4 && name.len() <= PART_BYTES_MAX, "{name}");
        }
    }
}
