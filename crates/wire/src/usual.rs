//! The fast path: the usual line, read without looking at its bytes one by one.
//!
//! ```text
//! name ":" number "|" type [ "|@" rate ] [ "|#" tags ] *( "|" skipped ) ( "\n" / end )
//! ```
//!
//! with one value, of less than 128 bytes but for tags and what is skipped, numbers of up to 16
//! bytes without exponent and blanks, and the value of a set in place of the number. Whatever is
//! not like that, or is like that but would be rejected, is left to `parse.rs`, which can read
//! every line. So this file decides nothing: it gives the same answer sooner, or none.

use crate::parse::{check_tags, parse_first_line};
use crate::scan::{Bits, Marks, Scanner, wide};
use crate::tags::Fields;
use crate::{Grammar, Kind, Line, Names, Receiver, Sample, SignedGauge, TagStyle, Tags, Value};

/// Whether bytes that are not printable ASCII may make a difference. Where they do not, nothing is
/// asked of names and tags but the length of the name.
#[inline(always)]
pub(crate) fn is_checked(grammar: &Grammar) -> bool {
    grammar.names == Names::Utf8 || matches!(grammar.tags, Tags::Check { .. })
}

/// Reads a packet as [`parse`](crate::parse()) does; `CHECKED` says what [`is_checked`] does.
#[inline(always)]
pub(crate) fn parse<'a, S: Scanner, const CHECKED: bool>(
    scanner: S,
    packet: &'a [u8],
    grammar: &Grammar,
    receiver: &mut impl Receiver<'a>,
) {
    let mut rest = packet;
    while !rest.is_empty() {
        rest = if let Some(usual) = read::<S, CHECKED>(scanner, rest, grammar) {
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
fn read<'a, S: Scanner, const CHECKED: bool>(
    scanner: S,
    text: &'a [u8],
    grammar: &Grammar,
) -> Option<Usual<'a>> {
    let marks = scanner.window(text, CHECKED)?;
    if marks.ends == 0 {
        let marks = wide(scanner, text, marks, CHECKED)?;
        return read_line::<S, _, CHECKED>(scanner, text, marks, grammar);
    }
    read_line::<S, _, CHECKED>(scanner, text, marks, grammar)
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
/// `next` is where the type ends, then where the rate ends, then where the tags end, then where
/// each field that is skipped ends.
#[inline(always)]
fn read_line<'a, S: Scanner, B: Bits, const CHECKED: bool>(
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
    if name.len() > grammar.name_bytes_max || begins_event(text) {
        return None;
    }
    let is_odd = CHECKED && (colon == 0 || marks.odd & B::before(colon) != B::NONE);
    if is_odd && grammar.names == Names::Utf8 {
        return None;
    }
    if CHECKED && grammar.tag_styles.in_names() && !is_usual_name(name, grammar) {
        return None;
    }
    let kind = read_kind(line, pipe, next)?;
    let value = if kind == Kind::Set {
        // A colon would make two of it.
        let has_colon = marks.colons.others().first() < pipe;
        read_member(line.get(colon + 1..pipe)?, has_colon, grammar)?
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
    let tags = match (next < last, long) {
        (true, _) => {
            let fields = Marks { ends: B::NONE, pipes: stops, ..marks };
            read_fields::<_, CHECKED>(line, name, (next, last), fields, long, grammar)?
        }
        (false, None) => &[],
        // What goes on behind the marks is no field.
        (false, Some(_)) => return None,
    };
    let sample = Sample { name, kind, value, rate, tags, origin: &[], timestamp: None };
    Some(Usual { line, sample, rest: rest.get(1..).unwrap_or_default() })
}

/// Reads the tags, if any, and the fields behind them. The first field begins with the pipe at
/// `next`; the marks have only those behind it.
#[inline(always)]
fn read_fields<'a, B: Bits, const CHECKED: bool>(
    line: &'a [u8],
    name: &[u8],
    (mut next, last): (usize, usize),
    marks: Marks<B>,
    long: Option<Long>,
    grammar: &Grammar,
) -> Option<&'a [u8]> {
    // A carriage return would be no part of the line.
    if line.ends_with(b"\r") {
        return None;
    }
    let mut stops = marks.pipes;
    let mut tags = &[][..];
    if *line.get(next + 1)? == b'#' && grammar.tag_styles.has(TagStyle::DogStatsd) {
        let start = next;
        next = stops.first();
        stops = stops.others();
        let odd = marks.odd & !B::before(start);
        let (end, odd) = match long {
            // They go on behind the marks.
            Some(long) if next == last => (long.stop, odd != B::NONE || long.odd),
            _ => (next, odd & B::before(next) != B::NONE),
        };
        tags = line.get(start + 2..end)?;
        if CHECKED && !are_usual(name, tags, odd, grammar) {
            return None;
        }
    }
    while next < last {
        if !is_skipped(*line.get(next + 1)?, grammar) {
            return None;
        }
        next = stops.first();
        stops = stops.others();
    }
    Some(tags)
}

/// The end of a line that goes on behind its marks.
#[derive(Clone, Copy)]
struct Long {
    /// Where the field ends that goes on behind the marks.
    stop: usize,
    /// Whether a byte behind the marks, up to there, is not printable ASCII.
    odd: bool,
    end: usize,
}

/// Finds the end of a line of which `from` bytes are known to have none, window by window. Nothing
/// where a field begins before it that is not skipped.
#[inline(never)]
fn find_end<S: Scanner>(scanner: S, text: &[u8], from: usize, grammar: &Grammar) -> Option<Long> {
    let (mut end, mut stop, mut odd) = (from, None, false);
    while end < text.len() {
        let marks = scanner.window(text.get(end..)?, true)?;
        let size = marks.ends.first();
        let mut pipes = marks.pipes & !marks.behind_ends();
        let first = pipes.first().min(size);
        if stop.is_none() {
            odd |= marks.odd & !marks.behind_ends() & !pipes.and_above() != 0;
            stop = (pipes != 0).then_some(end + first);
        }
        while pipes != 0 {
            if !is_skipped(*text.get(end + pipes.first() + 1)?, grammar) {
                return None;
            }
            pipes = pipes.others();
        }
        end += size;
        if marks.ends != 0 {
            break;
        }
    }
    Some(Long { stop: stop.unwrap_or(end), odd, end })
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

/// Takes the member of a set.
#[inline(always)]
fn read_member<'a>(member: &'a [u8], has_colon: bool, grammar: &Grammar) -> Option<Value<'a>> {
    let usual = *member.first()? > b' ' && !has_colon && member.len() <= grammar.member_bytes_max;
    usual.then_some(Value::Member(member))
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

/// Whether a name in which tags may stand leaves no doubt that it is not empty without them, and
/// that they are within the limits.
#[inline(always)]
fn is_usual_name(name: &[u8], grammar: &Grammar) -> bool {
    let may_be_empty = name.first().is_none_or(|first| b";,#[.".contains(first));
    !(may_be_empty && grammar.names == Names::Utf8)
        && (has_room(name.len(), grammar) || are_allowed(name, &[], grammar))
}

/// Whether the tags of a field, with those of the name, are what the grammar asks for; `odd` says
/// that a byte of the field is not printable ASCII.
#[inline(always)]
fn are_usual(name: &[u8], tags: &[u8], odd: bool, grammar: &Grammar) -> bool {
    let in_name = if grammar.tag_styles.in_names() { name.len() } else { 0 };
    !odd && has_room(in_name + tags.len(), grammar) || are_allowed(name, tags, grammar)
}

/// Whether so many bytes, in a name and in a field, are within the limits of tags whatever they
/// are: a tag and its mark or comma have two bytes at least.
#[inline(always)]
fn has_room(bytes: usize, grammar: &Grammar) -> bool {
    match grammar.tags {
        Tags::Skip => true,
        Tags::Check { count_max, bytes_max } => {
            bytes.div_ceil(2) <= count_max && bytes <= bytes_max
        }
    }
}

#[inline(never)]
fn are_allowed(name: &[u8], tags: &[u8], grammar: &Grammar) -> bool {
    let fields = Fields { tags, origin: &[] };
    check_tags(&grammar.apart(name, fields), grammar).is_ok()
}

/// Whether a field is skipped that begins with this byte. A rate or more tags may follow the
/// tags too, but that is not usual.
#[inline(always)]
fn is_skipped(first: u8, grammar: &Grammar) -> bool {
    match first {
        b'@' | b'#' => false,
        b'T' => !grammar.timestamps,
        b'c' | b'e' => !grammar.origin,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TagStyles;
    use crate::scan::portable::Portable;

    const GRAMMARS: [Grammar; 3] = [Grammar::GSTATSD, Grammar::STATSD, Grammar::DOGSTATSD];

    fn is_read(text: &str, grammar: &Grammar) -> bool {
        let found = read::<_, true>(Portable, text.as_bytes(), grammar).is_some();
        #[cfg(target_arch = "x86_64")]
        if let Some(scanner) = crate::scan::avx512::Avx512::detect() {
            let other = read::<_, true>(scanner, text.as_bytes(), grammar).is_some();
            assert_eq!(other, found, "{text}");
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
    fn tags_in_any_style_and_fields_that_are_skipped_take_the_fast_path_too() {
        let detect = Grammar { tag_styles: TagStyles::ALL, ..Grammar::DOGSTATSD };
        let few = Tags::Check { count_max: 2, bytes_max: 15 };
        let container = "ab12".repeat(16);
        let lines = [
            "shop.requests;env=prod:1|c",
            "shop.requests,env=prod:1|c|@0.5",
            "shop.requests#env=prod:1|c|#a:b",
            "shop.requests[env=prod]:1|c",
            "shop.requests.__env=prod:1|c",
            "shop.requests:1|c|c:in-4026531836",
            "shop.requests:1|c|@0.5|#env:prod|c:in-4026531836|e:it-false|card:low",
            "shop.requests:1|c|zz",
            "shop.requests:1|c|#st\u{e4}dte:k\u{f6}ln",
            "shop.requests:1|kv",
            &format!("a.{container}:1|c|#env:prod|c:ci-{container}|card:low"),
            &format!("a.{container}:1|c|#env:prod,t:{container}|c:ci-{container}|e:{container}"),
            &format!("a.{container}:1|c|c:ci-{container}"),
        ];
        for line in lines {
            for grammar in [&GRAMMARS[0], &GRAMMARS[1], &GRAMMARS[2], &detect] {
                assert!(is_read(line, grammar), "{line}");
                assert!(is_read(&format!("{line}\nb:1|c"), grammar), "{line}");
            }
        }
        // Limits that have to be looked for.
        for grammar in [GRAMMARS[1], detect].map(|grammar| Grammar { tags: few, ..grammar }) {
            assert!(is_read("shop.requests:1|c|#long,tags", &grammar));
            assert!(is_read("shop.requests.of.all;tags=1:1|c|#longer", &grammar));
        }
    }

    #[test]
    fn a_long_line_that_has_something_behind_its_tags_is_left_to_the_obvious_way() {
        let tags = "t".repeat(140);
        let behind = ["|@0.5", "|#b", "|"].map(|field| format!("a.bc:1|c|#{tags}|zz{field}"));
        for text in behind.into_iter().chain([format!("a.bc:1|c{tags}"), tags]) {
            for grammar in &GRAMMARS {
                assert!(!is_read(&text, grammar), "{text}");
            }
        }
    }
}
