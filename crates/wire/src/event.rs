//! DogStatsD's events and service checks: recognised by their form, passed on as they stand, and
//! read by whoever wants to know what is in them.

use crate::parse::until;
use crate::tags::items;
use crate::{Line, Reason, Rejection, Tag, number};

/// What a line says that is no metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    /// An event.
    Event(Event<'a>),
    /// A service check.
    ServiceCheck(ServiceCheck<'a>),
}

/// Something that happened: `_e{5,4}:title|text|d:1700000000|h:host|p:low|t:error|#k:v`.
///
/// Texts are as they stand in the line: a line break is `\n`, two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened.
    pub title: &'a [u8],
    /// What there is to say about it; may be empty.
    pub text: &'a [u8],
    /// Who says so, when and where.
    pub fields: NoticeFields<'a>,
    /// `p:`; `normal` or `low`.
    pub priority: Option<&'a [u8]>,
    /// `t:`; `error`, `warning`, `info` or `success`.
    pub alert_type: Option<&'a [u8]>,
    /// `k:`; events with the same key belong together.
    pub aggregation_key: Option<&'a [u8]>,
    /// `s:`
    pub source_type: Option<&'a [u8]>,
}

/// How something is: `_sc|name|1|d:1700000000|h:host|#k:v|m:message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceCheck<'a> {
    /// What was looked at.
    pub name: &'a [u8],
    /// How it is.
    pub status: Status,
    /// Who says so, when and where.
    pub fields: NoticeFields<'a>,
    /// `m:`; a line break is `\n`, two bytes.
    pub message: Option<&'a [u8]>,
}

/// The fields that events and service checks have in common. Those that cannot be read are left
/// out like unknown ones; of several the last holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeFields<'a> {
    /// `d:`, in seconds since the epoch.
    pub timestamp: Option<u64>,
    /// `h:`
    pub host: Option<&'a [u8]>,
    /// What stands behind `#`.
    tags: &'a [u8],
}

/// The status of a service check, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// 0
    Ok,
    /// 1
    Warning,
    /// 2
    Critical,
    /// 3
    Unknown,
}

impl<'a> Notice<'a> {
    /// Reads a line that [`parse`](crate::parse()) has recognised; nothing of any other.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        if let Some(rest) = line.strip_prefix(EVENT) {
            let (title, text, rest) = event(rest)?;
            return ends(rest).then(|| Self::Event(Event::read(title, text, rest)));
        }
        let (name, status, rest) = service_check(line.strip_prefix(SERVICE_CHECK)?)?;
        ends(rest).then(|| Self::ServiceCheck(ServiceCheck::read(name, status, rest)))
    }
}

impl<'a> Event<'a> {
    fn read(title: &'a [u8], text: &'a [u8], rest: &'a [u8]) -> Self {
        let mut event = Self {
            title,
            text,
            fields: NoticeFields::default(),
            priority: None,
            alert_type: None,
            aggregation_key: None,
            source_type: None,
        };
        for field in rest.split(|byte| *byte == b'|').skip(1) {
            match field {
                [b'p', b':', value @ ..] => event.priority = Some(value),
                [b't', b':', value @ ..] => event.alert_type = Some(value),
                [b'k', b':', value @ ..] => event.aggregation_key = Some(value),
                [b's', b':', value @ ..] => event.source_type = Some(value),
                field => event.fields.read(field),
            }
        }
        event
    }
}

impl<'a> ServiceCheck<'a> {
    fn read(name: &'a [u8], status: Status, rest: &'a [u8]) -> Self {
        let mut check = Self { name, status, fields: NoticeFields::default(), message: None };
        for field in rest.split(|byte| *byte == b'|').skip(1) {
            match field {
                [b'm', b':', value @ ..] => check.message = Some(value),
                field => check.fields.read(field),
            }
        }
        check
    }
}

impl<'a> NoticeFields<'a> {
    /// The tags, in the order in which they stand.
    pub fn tags(&self) -> impl Iterator<Item = Tag<'a>> + use<'a> {
        items(self.tags)
    }

    fn read(&mut self, field: &'a [u8]) {
        match field {
            [b'd', b':', value @ ..] => self.timestamp = number::whole(value),
            [b'h', b':', value @ ..] => self.host = Some(value),
            [b'#', value @ ..] => self.tags = value,
            _ => {}
        }
    }
}

impl Status {
    /// Every status, in the order of its discriminant.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Critical, Self::Unknown];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// How an event begins.
const EVENT: &[u8] = b"_e{";
/// How a service check begins.
const SERVICE_CHECK: &[u8] = b"_sc|";

/// The line, where it is an event or a service check or pretends to be one; nothing where it is
/// a metric's.
///
/// An event is `_e{N,M}:TITLE|TEXT` with a title of N and a text of M bytes, a service check is
/// `_sc|NAME|STATUS` with a name and a status from 0 to 3. After either comes the end or
/// `|` and fields, which nobody reads here. A line that begins like one of them and goes on
/// differently is [`Reason::Unsupported`].
pub(crate) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (fields, recognised) = if let Some(rest) = line.strip_prefix(EVENT) {
        (event(rest).map(|(_, _, rest)| rest), Line::Event(line))
    } else if let Some(rest) = line.strip_prefix(SERVICE_CHECK) {
        (service_check(rest).map(|(_, _, rest)| rest), Line::ServiceCheck(line))
    } else {
        return None;
    };
    if fields.is_some_and(ends) {
        return Some(recognised);
    }
    Some(Line::Rejected(Rejection { reason: Reason::Unsupported, text: line }))
}

/// Whether what is said is over: there is nothing more, or there are fields.
fn ends(rest: &[u8]) -> bool {
    rest.is_empty() || rest.starts_with(b"|")
}

/// The title and the text of an event and what follows, given what follows its `_e{`.
fn event(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (title, rest) = length(rest, b',')?;
    let (text, rest) = length(rest, b'}')?;
    let (title, rest) = rest.strip_prefix(b":")?.split_at_checked(title)?;
    let (text, rest) = rest.strip_prefix(b"|")?.split_at_checked(text)?;
    Some((title, text, rest))
}

/// A number of bytes, and what follows the byte that ends it. The number is only ever compared
/// with what has arrived, so a huge one costs nothing.
fn length(text: &[u8], end: u8) -> Option<(usize, &[u8])> {
    let (digits, rest) = until(text, |byte| byte == end);
    let length = usize::try_from(number::whole(digits)?).ok()?;
    Some((length, rest.strip_prefix(&[end])?))
}

/// The name and the status of a service check and what follows, given what follows its `_sc|`.
fn service_check(rest: &[u8]) -> Option<(&[u8], Status, &[u8])> {
    let (name, rest) = until(rest, |byte| byte == b'|');
    let (status, rest) = rest.strip_prefix(b"|")?.split_first()?;
    let status = Status::ALL.into_iter().find(|known| b'0' + *known as u8 == *status)?;
    (!name.is_empty()).then_some((name, status, rest))
}
