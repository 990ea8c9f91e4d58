//! Any bytes, in every dialect and style of tags, are accounted for and become sound lines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod check;

use proptest::prelude::*;

/// Bytes that mean something, and some that mean nothing.
const BYTES: &[u8] =
    b":::|||||\n\n@##;;==,,[[]]..__  /$%!~ccmsghdkvTe{}+-001259aabbtk\t\r\0\x7f\xff\xc3\xa9\xe2";

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![9 => prop::sample::select(BYTES), 1 => any::<u8>()]
}

/// A line as someone may have meant it.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let text = || prop::collection::vec(byte(), 0..6);
    let kinds = prop::sample::select(&["c", "ms", "g", "s", "h", "d", "m", "kv"][..]);
    let values = prop::sample::select(&["1", "-1.5", "+2", "1e308", "", "1:2", "x"][..]);
    let parts = (text(), text(), values, kinds, text(), text());
    parts.prop_map(|(name, tag, value, kind, more, field)| {
        [
            &b"n"[..],
            &name,
            &b";,#["[..tag.len() % 5 % 4],
            &tag,
            b":",
            value.as_bytes(),
            b"|",
            kind.as_bytes(),
            b"|#",
            &more,
            b"|",
            &field,
        ]
        .concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn property_test_any_bytes_are_accounted_for_and_become_sound_lines(
        packet in prop::collection::vec(byte(), 0..120),
        lines in prop::collection::vec(line(), 0..6),
    ) {
        check::check(&packet);
        check::check(&lines.join(&b'\n'));
    }
}
