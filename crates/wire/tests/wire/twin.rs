//! The parser again, slow and obvious: plain splits, copies, and std's numbers. It shares
//! nothing with the crate but the types of what comes out.

use gstatsd_wire::{EmptyValue, Grammar, Kind, Names, Reason, SignedGauge, TagStyle, Tags};

use crate::log::{Amount, Entry, OwnedTag, Reading};

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
    let text = &line[..colon];
    let (name, inside, style) = split_name(text, grammar);
    if name.len() > grammar.name_bytes_max {
        return rejected(Reason::NameTooLong);
    }
    if grammar.names == Names::Utf8 {
        if name.is_empty() {
            return rejected(Reason::EmptyName);
        }
        let Ok(text) = String::from_utf8(text.to_vec()) else {
            return rejected(Reason::BadUtf8);
        };
        if text.chars().any(is_control) {
            return rejected(Reason::ControlChar);
        }
    }
    let mut entries = vec![Entry::Metric(line.to_vec())];
    let groups = groups(&line[colon + 1..]);
    let fields: Vec<&Vec<u8>> = groups.iter().flat_map(|group| &group.fields).collect();
    let tags = read_tags(&inside, style, &fields, grammar);
    for group in &groups {
        entries.extend(read_group(&name, &tags, group, grammar));
    }
    entries
}

/// The name, the tags in it, and their style.
fn split_name(text: &[u8], grammar: &Grammar) -> (Vec<u8>, Vec<u8>, Option<TagStyle>) {
    for at in 0..text.len() {
        let (before, rest) = text.split_at(at);
        for style in grammar.tag_styles.iter() {
            let (mark, begins) = match style {
                TagStyle::DogStatsd => continue,
                TagStyle::Graphite => (1, rest[0] == b';'),
                TagStyle::Influx => (1, rest[0] == b','),
                TagStyle::Librato => (1, rest[0] == b'#'),
                TagStyle::SignalFx => (1, rest[0] == b'[' && rest.contains(&b']')),
                TagStyle::Lyft => {
                    let item = |rest: &[u8]| apart(&rest[3..], b".__").swap_remove(0);
                    (3, rest.starts_with(b".__") && item(rest).contains(&b'='))
                }
            };
            if !begins {
                continue;
            }
            let mut inside = rest[mark..].to_vec();
            let mut name = before.to_vec();
            if style == TagStyle::SignalFx {
                let close = inside.iter().position(|byte| *byte == b']').expect("it has one");
                name.extend(inside.split_off(close).split_off(1));
            }
            return (name, inside, Some(style));
        }
    }
    (text.to_vec(), Vec::new(), None)
}

/// The pieces between separators that do not overlap.
fn apart(text: &[u8], separator: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(separator) {
            pieces.push(Vec::new());
            rest = after;
        } else {
            pieces.last_mut().expect("there is one").push(rest[0]);
            rest = &rest[1..];
        }
    }
    pieces
}

/// All tags of a line, or why they are refused.
fn read_tags(
    inside: &[u8],
    style: Option<TagStyle>,
    fields: &[&Vec<u8>],
    grammar: &Grammar,
) -> Result<Vec<OwnedTag>, Reason> {
    let separator: &[u8] = match style {
        Some(TagStyle::Graphite) => b";",
        Some(TagStyle::Lyft) => b".__",
        _ => b",",
    };
    let mut tags: Vec<_> = apart(inside, separator).iter().map(|item| tag(item, b'=')).collect();
    let (mut bytes, mut clean) = (inside.len(), true);
    let mut look_at = |text: &[u8]| {
        bytes += text.len();
        let text = String::from_utf8(text.to_vec());
        clean &= text.is_ok_and(|text| !text.chars().any(is_control));
    };
    for field in fields.iter().filter(|field| field.first() == Some(&b'#')) {
        if grammar.tag_styles.has(TagStyle::DogStatsd) {
            look_at(&field[1..]);
            tags.extend(
                pieces(&field[1..], b',')
                    .iter()
                    .map(|item| tag(item, if item.contains(&b':') { b':' } else { b'=' })),
            );
        }
    }
    for field in fields {
        for (begin, key) in
            [("c:", "container_id"), ("e:", "external_data"), ("card:", "cardinality")]
        {
            if grammar.origin && field.starts_with(begin.as_bytes()) {
                look_at(field);
                let value = field[begin.len()..].to_vec();
                let key = if value.is_empty() { "" } else { key };
                tags.push((key.as_bytes().to_vec(), Some(value)));
            }
        }
    }
    tags.retain(|(key, _)| !key.is_empty());
    if let Tags::Check { count_max, bytes_max } = grammar.tags {
        if bytes > bytes_max || tags.len() > count_max {
            return Err(Reason::TooManyTags);
        }
        if !clean && grammar.names == Names::Utf8 {
            return Err(Reason::BadTag);
        }
    }
    Ok(tags)
}

fn tag(item: &[u8], separator: u8) -> OwnedTag {
    let parts: Vec<&[u8]> = item.splitn(2, |byte| *byte == separator).collect();
    (parts[0].to_vec(), parts.get(1).map(|value| value.to_vec()))
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

fn read_group(
    name: &[u8],
    tags: &Result<Vec<OwnedTag>, Reason>,
    group: &Group,
    grammar: &Grammar,
) -> Vec<Entry> {
    let values = pieces(&group.values, b':');
    let alone = values.len() == 1;
    let read = |text: &Vec<u8>| match read_sample(name, tags, text, alone, group, grammar) {
        Ok(reading) => Entry::Sample(reading),
        Err(reason) => Entry::Rejected(reason, text.clone()),
    };
    values.iter().map(read).collect()
}

fn read_sample(
    name: &[u8],
    tags: &Result<Vec<OwnedTag>, Reason>,
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
    if timestamp.is_some() && !["c", "g", "kv", "m"].contains(&kind.symbol()) {
        return Err(Reason::Unsupported);
    }
    let tags = tags.clone()?;
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
