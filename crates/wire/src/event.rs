//! DogStatsD's events and service checks: recognised by their form, and passed on as they stand.

use crate::parse::until;
use crate::{Line, Reason, Rejection, number};

/// The line, where it is an event or a service check or pretends to be one; nothing where it is
/// a metric's.
///
/// An event is `_e{N,M}:TITLE|TEXT` with a title of N and a text of M bytes, a service check is
/// `_sc|NAME|STATUS` with a name and a status from 0 to 3. After either comes the end or
/// `|` and fields, which nobody reads here. A line that begins like one of them and goes on
/// differently is [`Reason::Unsupported`].
pub(crate) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (fields, recognised) = if let Some(rest) = line.strip_prefix(b"_e{") {
        (event(rest), Line::Event(line))
    } else if let Some(rest) = line.strip_prefix(b"_sc|") {
        (service_check(rest), Line::ServiceCheck(line))
    } else {
        return None;
    };
    if fields.is_some_and(|fields| fields.is_empty() || fields.starts_with(b"|")) {
        return Some(recognised);
    }
    Some(Line::Rejected(Rejection { reason: Reason::Unsupported, text: line }))
}

/// What follows an event's text, given what follows its `_e{`.
fn event(rest: &[u8]) -> Option<&[u8]> {
    let (title, rest) = length(rest, b',')?;
    let (text, rest) = length(rest, b'}')?;
    let (_, rest) = rest.strip_prefix(b":")?.split_at_checked(title)?;
    let (_, rest) = rest.strip_prefix(b"|")?.split_at_checked(text)?;
    Some(rest)
}

/// A number of bytes, and what follows the byte that ends it. The number is only ever compared
/// with what has arrived, so a huge one costs nothing.
fn length(text: &[u8], end: u8) -> Option<(usize, &[u8])> {
    let (digits, rest) = until(text, |byte| byte == end);
    let length = usize::try_from(number::whole(digits)?).ok()?;
    Some((length, rest.strip_prefix(&[end])?))
}

/// What follows a service check's status, given what follows its `_sc|`.
fn service_check(rest: &[u8]) -> Option<&[u8]> {
    let (name, rest) = until(rest, |byte| byte == b'|');
    let (status, rest) = rest.strip_prefix(b"|")?.split_first()?;
    (!name.is_empty() && matches!(status, b'0'..=b'3')).then_some(rest)
}
