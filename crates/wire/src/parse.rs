//! A packet into lines, a line into groups of values, a group into samples.
//!
//! This reads any line. The usual one is taken before it comes here, by `usual.rs`.
//!
//! Every step looks at the bytes that it takes off the front and at nothing behind them, so the
//! whole is linear in the length of the packet, whatever is in it.

use crate::tags::{Fields, split_field};
use crate::{
    EmptyValue, Grammar, Kind, Line, Names, Reason, Receiver, Rejection, Sample, Scanner,
    SignedGauge, Tagged, Tags, Value, event, number,
};

/// Reads a packet, and hands each line and each sample to the receiver, in the order in which
/// they stand.
///
/// A line without a colon is [`Reason::NoValue`]. A name is refused for the first of
/// [`Reason::NameTooLong`], [`Reason::EmptyName`], [`Reason::BadUtf8`] and
/// [`Reason::ControlChar`] that applies. What can be wrong with a sample is looked for in this
/// order: its type, its rate, its timestamp, its tags, its value. Of several rates or timestamps
/// the last one holds, but each of them must be good. Tags belong to the line: all of them count,
/// for each of its samples.
#[inline]
pub fn parse<'a>(packet: &'a [u8], grammar: &Grammar, receiver: &mut impl Receiver<'a>) {
    Scanner::best().parse(packet, grammar, receiver);
}

/// Reads a packet as [`parse`] does, every line of it in the obvious way: the twin of all
/// scanners.
#[doc(hidden)]
pub fn parse_obviously<'a>(packet: &'a [u8], grammar: &Grammar, receiver: &mut impl Receiver<'a>) {
    let mut rest = packet;
    while !rest.is_empty() {
        rest = parse_first_line(rest, grammar, receiver);
    }
}

/// Reads a packet whose end was cut off on its way: like [`parse`], but what follows the last
/// newline, if anything does, is not looked into: it is one line rejected as
/// [`Reason::Truncated`].
pub fn parse_truncated<'a>(packet: &'a [u8], grammar: &Grammar, receiver: &mut impl Receiver<'a>) {
    let mut parts = packet.rsplitn(2, |byte| *byte == b'\n');
    let broken = without_return(parts.next().unwrap_or_default());
    if let Some(whole) = parts.next() {
        parse(whole, grammar, receiver);
    }
    if !broken.is_empty() {
        receiver.line(Line::Rejected(Rejection { reason: Reason::Truncated, text: broken }));
    }
}

/// The text before the first byte that stops it, and the rest with that byte; everything and
/// nothing where no byte does.
pub(crate) fn until(text: &[u8], stops: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| stops(*byte));
    end.and_then(|end| text.split_at_checked(end)).unwrap_or((text, &[]))
}

/// Reads the first line of a text, whatever it is, and returns what follows its newline.
#[inline(never)]
pub(crate) fn parse_first_line<'a>(
    text: &'a [u8],
    grammar: &Grammar,
    receiver: &mut impl Receiver<'a>,
) -> &'a [u8] {
    let (line, rest) = until(text, |byte| byte == b'\n');
    let line = without_return(line);
    if !line.is_empty() {
        parse_line(line, grammar, receiver);
    }
    rest.get(1..).unwrap_or_default()
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn parse_line<'a>(line: &'a [u8], grammar: &Grammar, receiver: &mut impl Receiver<'a>) {
    if let Some(line) = event::line(line) {
        receiver.line(line);
        return;
    }
    let (name, values) = until(line, |byte| byte == b':');
    let tagged = grammar.tagged_parts(name, values);
    let refusal =
        if values.is_empty() { Some(Reason::NoValue) } else { refusal(name, &tagged, grammar) };
    if let Some(reason) = refusal {
        receiver.line(Line::Rejected(Rejection { reason, text: line }));
        return;
    }
    receiver.line(Line::Metric(line));
    let line = Common { name, tags: check_tags(&tagged, grammar).map(|()| tagged.fields) };
    // What is left begins with the colon of the next group.
    let mut rest = values;
    while let Some((_, group)) = rest.split_first() {
        rest = parse_group(line, group, grammar, receiver);
    }
}

/// What all samples of a line have in common.
#[derive(Clone, Copy)]
struct Common<'a> {
    name: &'a [u8],
    tags: Result<Fields<'a>, Reason>,
}

/// Why a name is refused, if it is. `text` has the tags in it too.
fn refusal(text: &[u8], tagged: &Tagged<'_>, grammar: &Grammar) -> Option<Reason> {
    let name_bytes = tagged.name.iter().map(|part| part.len()).sum::<usize>();
    if name_bytes > grammar.name_bytes_max {
        return Some(Reason::NameTooLong);
    }
    if grammar.names == Names::Any {
        return None;
    }
    if name_bytes == 0 {
        return Some(Reason::EmptyName);
    }
    match str::from_utf8(text) {
        Err(_) => Some(Reason::BadUtf8),
        Ok(name) => has_control(name).then_some(Reason::ControlChar),
    }
}

/// Reads the values before one type, the type and its fields. What is returned is empty, or
/// begins with the colon before the next group.
fn parse_group<'a>(
    line: Common<'a>,
    group: &'a [u8],
    grammar: &Grammar,
    receiver: &mut impl Receiver<'a>,
) -> &'a [u8] {
    let (values, rest) = until(group, |byte| byte == b'|');
    let texts = values.split(|byte| *byte == b':');
    let Some((_, rest)) = rest.split_first() else {
        for text in texts {
            let reason = if trim(text).is_empty() { Reason::NoValue } else { Reason::NoType };
            receiver.reject(Rejection { reason, text });
        }
        return rest;
    };
    let (head, rest) = parse_head(rest, grammar);
    for text in texts {
        // An empty text between colons is one of several values; this one stands alone.
        let alone = values.is_empty();
        let sample = head.and_then(|head| {
            let Fields { tags, origin } = line.tags?;
            let value = parse_value(text, alone, head.kind, grammar)?;
            let Head { kind, rate, timestamp } = head;
            Ok(Sample { name: line.name, kind, value, rate, tags, origin, timestamp })
        });
        match sample {
            Ok(sample) => receiver.sample(sample),
            Err(reason) => receiver.reject(Rejection { reason, text }),
        }
    }
    rest
}

/// What the values of a group have in common.
#[derive(Clone, Copy)]
struct Head {
    kind: Kind,
    rate: f64,
    timestamp: Option<u64>,
}

/// Reads a type and its fields. The rest is empty, or begins with the colon of the next group.
fn parse_head<'a>(text: &'a [u8], grammar: &Grammar) -> (Result<Head, Reason>, &'a [u8]) {
    let (symbol, mut rest) = until(text, |byte| matches!(byte, b'|' | b':'));
    let mut rate = Ok(1.0);
    let mut timestamp = Ok(None);
    while let Some(after) = rest.strip_prefix(b"|") {
        let field;
        (field, rest) = split_field(after);
        match field.split_first() {
            Some((b'@', text)) => rate = rate.and_then(|_| number::rate(trim_end(text))),
            Some((b'T', text)) if grammar.timestamps => {
                timestamp = timestamp.and_then(|_| parse_timestamp(text).map(Some));
            }
            _ => {}
        }
    }
    let head = parse_kind(trim(symbol)).and_then(|kind| {
        let (rate, timestamp) = (rate?, timestamp?);
        if timestamp.is_some() && !kind.may_have_timestamp() {
            return Err(Reason::Unsupported);
        }
        Ok(Head { kind, rate, timestamp })
    });
    (head, rest)
}

fn parse_kind(symbol: &[u8]) -> Result<Kind, Reason> {
    match symbol {
        b"c" => Ok(Kind::Counter),
        b"ms" => Ok(Kind::Timer),
        b"g" => Ok(Kind::Gauge),
        b"s" => Ok(Kind::Set),
        b"h" => Ok(Kind::Histogram),
        b"d" => Ok(Kind::Distribution),
        b"m" => Ok(Kind::Meter),
        b"kv" => Ok(Kind::KeyValue),
        b"" => Err(Reason::NoType),
        _ => Err(Reason::BadType),
    }
}

fn parse_timestamp(text: &[u8]) -> Result<u64, Reason> {
    let fits = |seconds: &u64| *seconds > 0 && i64::try_from(*seconds).is_ok();
    number::whole(text).filter(fits).ok_or(Reason::BadTimestamp)
}

/// Whether the tags of a line are what the grammar asks for.
pub(crate) fn check_tags(tagged: &Tagged<'_>, grammar: &Grammar) -> Result<(), Reason> {
    let Tags::Check { count_max, bytes_max } = grammar.tags else { return Ok(()) };
    if !tagged.has_tags() {
        return Ok(());
    }
    if tagged.tag_bytes() > bytes_max || tagged.tags().count() > count_max {
        return Err(Reason::TooManyTags);
    }
    // A dialect that makes names safe afterwards does so with tags.
    let is_clean = grammar.names == Names::Any
        || tagged.fields.texts().chain(tagged.fields.origins()).all(is_clean);
    is_clean.then_some(()).ok_or(Reason::BadTag)
}

/// Whether a text is UTF-8 without control characters.
fn is_clean(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| !has_control(text))
}

/// Reads one value. `alone` says that nothing at all stands before the type.
fn parse_value<'a>(
    text: &'a [u8],
    alone: bool,
    kind: Kind,
    grammar: &Grammar,
) -> Result<Value<'a>, Reason> {
    let trimmed = trim(text);
    let timer = matches!(kind, Kind::Distribution | Kind::Histogram | Kind::Timer);
    if kind == Kind::Set {
        return match text.len() {
            _ if trimmed.is_empty() => Err(Reason::NoValue),
            length if length > grammar.member_bytes_max => Err(Reason::OutOfRange),
            _ => Ok(Value::Member(text)),
        };
    }
    if trimmed.is_empty() {
        return match grammar.empty_value {
            EmptyValue::Default if alone => Ok(Value::Number(if timer { 0.0 } else { 1.0 })),
            _ => Err(Reason::NoValue),
        };
    }
    let number = number::value(trimmed)?;
    if timer && !grammar.negative_timer && number < 0.0 {
        return Err(Reason::OutOfRange);
    }
    let signed = matches!(trimmed, [b'+' | b'-', ..]);
    if kind == Kind::Gauge && signed && grammar.signed_gauge == SignedGauge::Delta {
        return Ok(Value::Delta(number));
    }
    Ok(Value::Number(number))
}

/// Whether a control character stands in a text, one of C1 (U+0080 to U+009F) too.
fn has_control(text: &str) -> bool {
    // ASCII is nearly all there is. No early end, so that many bytes are looked at in one step.
    text.bytes().fold(false, |found, byte| found | byte.is_ascii_control())
        || !text.is_ascii() && text.contains(char::is_control)
}

/// A text without the ASCII blanks around it. A newline cannot stand in a line.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_end(text);
    while let [first, rest @ ..] = text
        && is_blank(*first)
    {
        text = rest;
    }
    text
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_blank(*last)
    {
        text = rest;
    }
    text
}

/// Unlike `u8::is_ascii_whitespace`, this has the vertical tab.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}
