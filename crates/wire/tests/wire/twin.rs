//! The parser again, slow and obvious: plain splits, copies, and std's numbers. It shares
//! nothing with the crate but the types of what comes out.

use gstatsd_wire::{EmptyValue, Grammar, Kind, Names, Reason, SignedGauge, Tags};

use crate::log::{Amount, Entry, Reading};

/// Everything that must come out of a packet.
pub(crate) fn entries(packet: &[u8], grammar: &Grammar) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in pieces(packet, b'\n') {
        let line = cut_return(line);
        if !line.is_empty() {
            entries.extend(read_line(&line, grammar));
        }
    }
    entries
}

/// Everything that must come out of a packet whose end was cut off.
pub(crate) fn entries_of_truncated(packet: &[u8], grammar: &Grammar) -> Vec<Entry> {
    let mut lines = pieces(packet, b'\n');
    let last = cut_return(lines.pop().expect("a split has a piece"));
    let mut found = entries(&lines.join(&b'\n'), grammar);
    if !last.is_empty() {
        found.push(Entry::RejectedLine(Reason::Truncated, last));
    }
    found
}

fn pieces(text: &[u8], separator: u8) -> Vec<Vec<u8>> {
    text.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect()
}

fn cut_return(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    line
}

fn trimmed(text: &[u8]) -> Vec<u8> {
    let blanks = b" \t\r\x0b\x0c";
    let mut text = text.to_vec();
    while !text.is_empty() && blanks.contains(&text[0]) {
        text.remove(0);
    }
    while !text.is_empty() && blanks.contains(&text[text.len() - 1]) {
        text.pop();
    }
    text
}

fn read_line(line: &[u8], grammar: &Grammar) -> Vec<Entry> {
    let rejected = |reason| vec![Entry::RejectedLine(reason, line.to_vec())];
    if line.starts_with(b"_e{") {
        let event = vec![Entry::Event(line.to_vec())];
        return if is_event(line) { event } else { rejected(Reason::Unsupported) };
    }
    if line.starts_with(b"_sc|") {
        let service_check = vec![Entry::ServiceCheck(line.to_vec())];
        return if is_service_check(line) { service_check } else { rejected(Reason::Unsupported) };
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return rejected(Reason::NoValue);
    };
    let name = &line[..colon];
    if name.len() > grammar.name_bytes_max {
        return rejected(Reason::NameTooLong);
    }
    if grammar.names == Names::Utf8 {
        let Ok(text) = String::from_utf8(name.to_vec()) else {
            return rejected(Reason::BadUtf8);
        };
        if text.is_empty() {
            return rejected(Reason::EmptyName);
        }
        if text.chars().any(is_control) {
            return rejected(Reason::ControlChar);
        }
    }
    let mut entries = vec![Entry::Metric(line.to_vec())];
    for group in groups(&line[colon + 1..]) {
        entries.extend(read_group(name, &group, grammar));
    }
    entries
}

fn is_control(letter: char) -> bool {
    letter < ' ' || ('\u{7f}'..='\u{9f}').contains(&letter)
}

fn is_event(line: &[u8]) -> bool {
    let Some(brace) = line.iter().position(|byte| *byte == b'}') else {
        return false;
    };
    let lengths: Vec<Option<u64>> =
        pieces(&line[3..brace], b',').iter().map(|text| whole(text)).collect();
    let [Some(title), Some(text)] = lengths[..] else {
        return false;
    };
    // As wide as this, no sum of lengths overflows.
    let (title, text) = (u128::from(title), u128::from(text));
    let after = &line[brace + 1..];
    let at = |index: u128| after.get(usize::try_from(index).unwrap_or(usize::MAX));
    let end = 1 + title + 1 + text;
    at(0) == Some(&b':')
        && at(1 + title) == Some(&b'|')
        && after.len() as u128 >= end
        && matches!(at(end), None | Some(b'|'))
}

fn is_service_check(line: &[u8]) -> bool {
    let fields = pieces(line, b'|');
    let statuses: [&[u8]; 4] = [b"0", b"1", b"2", b"3"];
    fields.len() >= 3 && !fields[1].is_empty() && statuses.contains(&&fields[2][..])
}

fn whole(text: &[u8]) -> Option<u64> {
    let text = String::from_utf8(text.to_vec()).ok()?;
    if !text.chars().all(|letter| letter.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The values before one type, the type, and its fields.
#[derive(Default)]
struct Group {
    values: Vec<u8>,
    kind: Option<Vec<u8>>,
    fields: Vec<Vec<u8>>,
}

/// Takes the text between two pipes as one piece after another, and asks of each what it is.
fn groups(text: &[u8]) -> Vec<Group> {
    let mut groups = Vec::new();
    for (index, piece) in pieces(text, b'|').into_iter().enumerate() {
        if index == 0 {
            groups.push(Group { values: piece, ..Group::default() });
            continue;
        }
        let group = groups.last_mut().expect("the first piece makes a group");
        let is_kind = group.kind.is_none();
        let may_end = is_kind || piece.first() == Some(&b'@');
        let parts: Vec<&[u8]> = piece.splitn(2, |byte| may_end && *byte == b':').collect();
        if is_kind {
            group.kind = Some(parts[0].to_vec());
        } else {
            group.fields.push(parts[0].to_vec());
        }
        if parts.len() == 2 {
            groups.push(Group { values: parts[1].to_vec(), ..Group::default() });
        }
    }
    groups
}

fn read_group(name: &[u8], group: &Group, grammar: &Grammar) -> Vec<Entry> {
    let values = pieces(&group.values, b':');
    let alone = values.len() == 1;
    let read = |text: &Vec<u8>| match read_sample(name, text, alone, group, grammar) {
        Ok(reading) => Entry::Sample(reading),
        Err(reason) => Entry::Rejected(reason, text.clone()),
    };
    values.iter().map(read).collect()
}

fn read_sample(
    name: &[u8],
    text: &[u8],
    alone: bool,
    group: &Group,
    grammar: &Grammar,
) -> Result<Reading, Reason> {
    let Some(kind) = &group.kind else {
        return Err(if trimmed(text).is_empty() { Reason::NoValue } else { Reason::NoType });
    };
    let kind = match &trimmed(kind)[..] {
        b"" => return Err(Reason::NoType),
        symbol => *Kind::ALL
            .iter()
            .find(|kind| kind.symbol().as_bytes() == symbol)
            .ok_or(Reason::BadType)?,
    };
    let fields = |first: u8| group.fields.iter().filter(move |field| field.first() == Some(&first));
    let mut rate: f64 = 1.0;
    for field in fields(b'@') {
        rate = read_rate(&field[1..])?;
    }
    let mut timestamp = None;
    for field in fields(b'T').filter(|_| grammar.timestamps) {
        let seconds = whole(&field[1..]).ok_or(Reason::BadTimestamp)?;
        if seconds == 0 || seconds > 9_223_372_036_854_775_807 {
            return Err(Reason::BadTimestamp);
        }
        timestamp = Some(seconds);
    }
    let mut tags = Vec::new();
    for field in fields(b'#') {
        tags = field[1..].to_vec();
        check_tags(&tags, grammar)?;
    }
    let amount = read_amount(text, alone, kind, grammar)?;
    Ok(Reading { name: name.to_vec(), kind, amount, rate: rate.to_bits(), tags, timestamp })
}

fn read_rate(text: &[u8]) -> Result<f64, Reason> {
    let begins_well = matches!(text.first(), Some(b'0'..=b'9' | b'.'));
    match read_number(&trimmed(text)) {
        Ok(rate) if begins_well && rate > 0.0 && rate <= 1.0 => Ok(rate),
        _ => Err(Reason::BadSampleRate),
    }
}

fn check_tags(tags: &[u8], grammar: &Grammar) -> Result<(), Reason> {
    if let Tags::Check { count_max, bytes_max } = grammar.tags {
        let count = pieces(tags, b',').iter().filter(|tag| !tag.is_empty()).count();
        if count > count_max || tags.len() > bytes_max {
            return Err(Reason::TooManyTags);
        }
        let text = String::from_utf8(tags.to_vec()).map_err(|_| Reason::BadTag)?;
        if text.chars().any(is_control) {
            return Err(Reason::BadTag);
        }
    }
    Ok(())
}

fn read_amount(text: &[u8], alone: bool, kind: Kind, grammar: &Grammar) -> Result<Amount, Reason> {
    let is_timer = ["ms", "h", "d"].contains(&kind.symbol());
    if text.is_empty() && alone && grammar.empty_value == EmptyValue::Default && kind != Kind::Set {
        let default: f64 = if is_timer { 0.0 } else { 1.0 };
        return Ok(Amount::Number(default.to_bits()));
    }
    let number = trimmed(text);
    if number.is_empty() {
        return Err(Reason::NoValue);
    }
    if kind == Kind::Set {
        let fits = text.len() <= grammar.member_bytes_max;
        return if fits { Ok(Amount::Member(text.to_vec())) } else { Err(Reason::OutOfRange) };
    }
    let value = read_number(&number)?;
    if is_timer && value < 0.0 && !grammar.negative_timer {
        return Err(Reason::OutOfRange);
    }
    let signed = number[0] == b'+' || number[0] == b'-';
    if kind == Kind::Gauge && signed && grammar.signed_gauge == SignedGauge::Delta {
        return Ok(Amount::Delta(value.to_bits()));
    }
    Ok(Amount::Number(value.to_bits()))
}

/// The grammar of std is that of the protocol, but for what is not finite.
fn read_number(text: &[u8]) -> Result<f64, Reason> {
    let text = String::from_utf8(text.to_vec()).map_err(|_| Reason::BadValue)?;
    let number: f64 = text.parse().map_err(|_| Reason::BadValue)?;
    if number.is_finite() { Ok(number) } else { Err(Reason::NonFinite) }
}
