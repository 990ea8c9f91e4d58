//! Pickle, as the pickle receiver of carbon takes it: the length of a message in four bytes, and
//! then a list of `(name, (timestamp, value))` in version 2 of the protocol.
//!
//! ```text
//! 00 00 00 2a  80 02  5d 28  58 name  8a 08 timestamp  47 value  86 86  ...  65 2e
//! length       proto  [  (   text     whole number     double    ) )         ]  end
//! ```
//!
//! The opcodes are those of Python's `pickletools`.

use gstatsd_aggregate::{Number, Point};

const PROTO_2: [u8; 2] = [0x80, 2];
const EMPTY_LIST: u8 = b']';
const MARK: u8 = b'(';
const BINUNICODE: u8 = b'X';
const LONG1: u8 = 0x8a;
const BINFLOAT: u8 = b'G';
const TUPLE2: u8 = 0x86;
const APPENDS: u8 = b'e';
const STOP: u8 = b'.';

/// How many bytes a timestamp has.
const SECOND_BYTES: u8 = 8;
/// How many bytes the length of a message takes.
const LENGTH: usize = 4;

/// Begins a message; `out` is empty.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; LENGTH]);
    out.extend_from_slice(&PROTO_2);
    out.extend_from_slice(&[EMPTY_LIST, MARK]);
}

/// Appends a point.
pub(super) fn push(point: Point<'_>, second: i64, out: &mut Vec<u8>) {
    // Names are UTF-8; a byte that is not would cost the receiver the whole message.
    let name = String::from_utf8_lossy(point.name);
    let length = u32::try_from(name.len()).unwrap_or(0);
    out.push(BINUNICODE);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&name.as_bytes()[..length as usize]);
    out.extend_from_slice(&[LONG1, SECOND_BYTES]);
    out.extend_from_slice(&second.to_le_bytes());
    out.push(BINFLOAT);
    out.extend_from_slice(&value(point.value).to_be_bytes());
    out.extend_from_slice(&[TUPLE2, TUPLE2]);
}

/// Ends a message: its length is known now.
pub(super) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(&[APPENDS, STOP]);
    // Messages are gathered to 64 KiB and a point.
    let length = u32::try_from(out.len() - LENGTH).unwrap_or(u32::MAX);
    out[..LENGTH].copy_from_slice(&length.to_be_bytes());
}

#[expect(clippy::cast_precision_loss, reason = "Graphite keeps doubles")]
fn value(number: Number) -> f64 {
    match number {
        Number::Fixed(value) | Number::Short(value) => value,
        Number::Whole(value) => value as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_these_bytes() {
        let mut out = Vec::new();
        begin(&mut out);
        push(Point { name: b"a.b", value: Number::Fixed(1.5) }, 1_700_000_000, &mut out);
        push(Point { name: "\u{e9}".as_bytes(), value: Number::Whole(2) }, -1, &mut out);
        end(&mut out);
        let expected = b"\0\0\0\x3f\x80\x02](\
            X\x03\0\0\0a.b\x8a\x08\x00\xf1\x53\x65\0\0\0\0G\x3f\xf8\0\0\0\0\0\0\x86\x86\
            X\x02\0\0\0\xc3\xa9\x8a\x08\xff\xff\xff\xff\xff\xff\xff\xff\
            G\x40\0\0\0\0\0\0\0\x86\x86e.";
        assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}
