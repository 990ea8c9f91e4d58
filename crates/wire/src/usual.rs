//! The fast path: the usual line, read without looking at its bytes one by one.
//!
//! ```text
//! name ":" number "|" type [ "|@" rate ] [ "|#" tags ] ( "\n" / end )
//! ```
//!
//! with one value, of less than 128 bytes or with tags that begin there, numbers of up to 16 bytes
//! without exponent and blanks, and the value of a set in place of the number. Whatever is not
//! like that, or is like that but would be rejected, is left to `parse.rs`, which can read every
//! line. So this file decides nothing: it gives the same answer sooner, or none.

use crate::parse::{parse_first_line, parse_tags};
use crate::scan::{Bits, Marks, Scanner, wide};
use crate::{Grammar, Kind, Line, Names, Receiver, Sample, SignedGauge, Tags, Value};

/// Reads a packet as [`parse`](crate::parse()) does.
#[inline(always)]
pub(crate) fn parse<'a, S: Scanner>(
    scanner: S,
    packet: &'a [u8],
    grammar: &Grammar,
    receiver: &mut impl Receiver<'a>,
) {
    let mut rest = packet;
    while !rest.is_empty() {
        rest = if let Some(usual) = read(scanner, rest, grammar) {
            receiver.line(Line::Metric(usual.line));
            receiver.sample(usual.sample);
            usual.rest
        } else {
            parse_first_line(rest, grammar, receiver)
        };
    }
}

/// A usual line, its one sample, and what follows its newline.
struct Usual<'a> {
    line: &'a [u8],
    sample: Sample<'a>,
    rest: &'a [u8],
}

#[inline(always)]
fn read<'a, S: Scanner>(scanner: S, text: &'a [u8], grammar: &Grammar) -> Option<Usual<'a>> {
    let odd = grammar.names == Names::Utf8 || grammar.tags != Tags::Skip;
    let marks = scanner.window(text, odd)?;
    if marks.ends == 0 {
        return read_line(scanner, text, wide(scanner, text, marks, odd)?, grammar);
    }
    read_line(scanner, text, marks, grammar)
}

/// Reads the first line of a text.
///
/// ```text
/// hits:1|c|@0.1|#env:prod
///     ^ ^ ^    ^         ^
/// colon | |    |         end
///    pipe next next      next
/// ```
///
/// `next` is where the type ends, then where the rate ends, then where the tags end.
#[inline(always)]
fn read_line<'a, S: Scanner, B: Bits>(
    scanner: S,
    text: &'a [u8],
    marks: Marks<B>,
    grammar: &Grammar,
) -> Option<Usual<'a>> {
    // Where the line ends, as far as the marks tell.
    let last = marks.ends.first();
    let long = match marks.ends == B::NONE {
        true => Some(find_end(scanner, text, last, grammar)?),
        false => None,
    };
    let colon = marks.colons.first();
    let stops = marks.pipes | marks.ends;
    let pipe = stops.first();
    let stops = stops.others();
    let mut next = stops.first();
    let mut stops = stops.others();
    // A pipe in the name, no colon or no pipe. What follows would find nothing then, but after
    // this the compiler knows that these places lie in the line, and leaves out a check of each.
    if colon >= pipe || pipe >= last {
        return None;
    }
    let (line, rest) = text.split_at_checked(long.map_or(last, |long| long.end))?;
    let name = line.get(..colon)?;
    let name_is_odd = grammar.names == Names::Utf8
        && (name.is_empty() || marks.odd & B::before(colon) != B::NONE);
    if name_is_odd || name.len() > grammar.name_bytes_max || begins_event(text) {
        return None;
    }
    let kind = read_kind(line, pipe, next)?;
    let value = if kind == Kind::Set {
        let member = line.get(colon + 1..pipe)?;
        // A colon would make two of it.
        let usual = *member.first()? > b' ' && marks.colons.others().first() > pipe;
        if !usual || member.len() > grammar.member_bytes_max {
            return None;
        }
        Value::Member(member)
    } else {
        read_number(scanner, line, colon + 1, pipe, kind, grammar)?
    };
    let mut rate = 1.0;
    if next < last && *line.get(next + 1)? == b'@' {
        let start = next + 2;
        next = stops.first();
        stops = stops.others();
        rate = scanner.decimal(line, start, next)?;
        if rate <= 0.0 || rate > 1.0 {
            return None;
        }
    }
    let mut tags = &[][..];
    if next < last {
        // Nothing may follow the tags, not even a carriage return.
        if *line.get(next + 1)? != b'#' || stops.first() != last || line.ends_with(b"\r") {
            return None;
        }
        tags = line.get(next + 2..)?;
        let odd = marks.odd & !B::before(next) & !marks.behind_ends() != B::NONE;
        check_tags(tags, odd || long.is_some_and(|long| long.odd), grammar)?;
    } else if long.is_some() {
        // What goes on behind the marks is not the tags.
        return None;
    }
    let sample = Sample { name, kind, value, rate, tags, timestamp: None };
    Some(Usual { line, sample, rest: rest.get(1..).unwrap_or_default() })
}

/// The end of a line that goes on behind its marks.
#[derive(Clone, Copy)]
struct Long {
    end: usize,
    /// Whether a byte behind the marks is not printable ASCII.
    odd: bool,
}

/// Finds the end of a line of which `from` bytes are known to have none, window by window. Nothing
/// where a field begins before it.
#[inline(never)]
fn find_end<S: Scanner>(scanner: S, text: &[u8], from: usize, grammar: &Grammar) -> Option<Long> {
    let (mut end, mut odd) = (from, false);
    while end < text.len() {
        let marks = scanner.window(text.get(end..)?, grammar.tags != Tags::Skip)?;
        let size = marks.ends.first();
        if marks.pipes.first() < size {
            return None;
        }
        odd |= marks.odd & !marks.behind_ends() != 0;
        end += size;
        if marks.ends != 0 {
            break;
        }
    }
    Some(Long { end, odd })
}

/// Whether a text begins like an event, `_e{`. A service check has a pipe before any colon.
#[inline(always)]
fn begins_event(text: &[u8]) -> bool {
    const EVENT: u32 = u32::from_le_bytes(*b"_e{\0");
    text.first_chunk::<4>().is_none_or(|begin| u32::from_le_bytes(*begin) & 0x00ff_ffff == EVENT)
}

/// The types by a number that is different for each of them: the exclusive or of the last byte
/// of the symbol and the one before it (the pipe, where the symbol has one byte), without the
/// upper bits. With each stands all that it has to look like: these two bytes and the distance
/// of its end from the pipe.
#[expect(clippy::indexing_slicing, reason = "made by the compiler, which would refuse it")]
const KINDS: [(usize, Kind); 32] = {
    let mut kinds = [(0, Kind::Counter); 32];
    let mut index = 0;
    while index < Kind::ALL.len() {
        let kind = Kind::ALL[index];
        let (before, last) = match kind.symbol().as_bytes() {
            [last] => (b'|', *last),
            [before, last] => (*before, *last),
            _ => panic!("a symbol has one or two bytes"),
        };
        let place = &mut kinds[((before ^ last) & 31) as usize];
        assert!(place.0 == 0, "two types have the same number");
        *place = (look(before, last, kind.symbol().len() + 1), kind);
        index += 1;
    }
    kinds
};

const fn look(before: u8, last: u8, distance: usize) -> usize {
    before as usize | (last as usize) << 8 | distance << 16
}

/// The type between a pipe and the next mark, found without a branch for each.
#[inline(always)]
fn read_kind(text: &[u8], pipe: usize, next: usize) -> Option<Kind> {
    let [before, last] = *text.get(..next)?.last_chunk::<2>()?;
    let (found, kind) = *KINDS.get(usize::from((before ^ last) & 31))?;
    (found == look(before, last, next - pipe)).then_some(kind)
}

/// Reads a number with a sign or none.
#[inline(always)]
fn read_number<'a, S: Scanner>(
    scanner: S,
    line: &[u8],
    start: usize,
    end: usize,
    kind: Kind,
    grammar: &Grammar,
) -> Option<Value<'a>> {
    let sign = *line.get(start)?;
    let minus = sign == b'-';
    let signed = minus | (sign == b'+');
    let size = scanner.decimal(line, start + usize::from(signed), end)?;
    let number = f64::from_bits(size.to_bits() | u64::from(minus) << 63);
    if !grammar.negative_timer && number < 0.0 {
        let timer = matches!(kind, Kind::Distribution | Kind::Histogram | Kind::Timer);
        if timer {
            return None;
        }
    }
    if grammar.signed_gauge == SignedGauge::Delta && signed && kind == Kind::Gauge {
        return Some(Value::Delta(number));
    }
    Some(Value::Number(number))
}

/// Whether the tags are what the grammar asks for; `odd` says that a byte of them is not
/// printable ASCII.
#[inline(always)]
fn check_tags(tags: &[u8], odd: bool, grammar: &Grammar) -> Option<()> {
    if let Tags::Check { count_max, bytes_max } = grammar.tags {
        // A tag and its comma have two bytes at least: so many tags are never too many.
        let few = tags.len().div_ceil(2) <= count_max && tags.len() <= bytes_max;
        if odd || !few {
            parse_tags(tags, grammar).ok()?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::portable::Portable;

    const GRAMMARS: [Grammar; 3] = [Grammar::GSTATSD, Grammar::STATSD, Grammar::DOGSTATSD];

    fn is_read(text: &str, grammar: &Grammar) -> bool {
        let found = read(Portable, text.as_bytes(), grammar).is_some();
        #[cfg(target_arch = "x86_64")]
        if let Some(scanner) = crate::scan::avx512::Avx512::detect() {
            assert_eq!(read(scanner, text.as_bytes(), grammar).is_some(), found, "{text}");
        }
        found
    }

    /// What is told apart here makes a difference in time alone, so that no other test sees it.
    #[test]
    fn the_usual_line_takes_the_fast_path_in_every_dialect() {
        let long = format!("{}:1|c|@0.1|#{}", "n".repeat(50), "t".repeat(66));
        assert_eq!(long.len(), 127);
        let lines = [
            "a.bc:1|c",
            "shop.requests:320.123456|ms|@0.1",
            "shop.requests:-1.5|g",
            "shop.requests:+9999999999999999|g",
            "gunicorn.requests:1|c|@1.0",
            "shop.users:user 17|s",
            "shop.requests:12|h|#env:prod,b",
            "shop.requests:.5|d|@.25|#env:prod",
            "shop.requests:5.|m",
            &long,
            &format!("{long},{}", "env:prod,".repeat(30)),
        ];
        for line in lines {
            for grammar in &GRAMMARS {
                assert!(is_read(line, grammar), "{line}");
                assert!(is_read(&format!("{line}\n"), grammar), "{line}");
                assert!(is_read(&format!("{line}\nb:x|zz:1|c\r\n{line}"), grammar), "{line}");
            }
        }
    }

    #[test]
    fn a_long_line_that_does_not_end_with_its_tags_is_left_to_the_obvious_way() {
        let tags = "t".repeat(140);
        for text in [format!("a.bc:1|c|#{tags}|c:id"), format!("a.bc:1|c|{tags}"), tags] {
            for grammar in &GRAMMARS {
                assert!(!is_read(&text, grammar), "{text}");
            }
        }
    }

    #[test]
    fn a_tags_field_that_has_to_be_looked_into_takes_the_fast_path_too() {
        assert!(is_read("shop.requests:1|c|#st\u{e4}dte:k\u{f6}ln", &Grammar::DOGSTATSD));
        let few = Tags::Check { count_max: 2, bytes_max: 9 };
        assert!(is_read("shop.requests:1|c|#long,tags", &Grammar { tags: few, ..GRAMMARS[1] }));
    }
}
