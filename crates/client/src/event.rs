//! DogStatsD's events and service checks.

use crate::Reason;
use crate::escape::{self, Place};
use crate::line::{Style, Tags, write_timestamp};
use crate::number::write_u64;

/// Something that happened: a line `_e{...}`, which receivers of the plain protocol do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// A headline; not empty. The client's prefix is not put before it.
    pub title: &'a str,
    /// The whole of it; newlines are kept.
    pub text: &'a str,
    /// Seconds since the epoch; the receiver's clock where there is none.
    pub timestamp: Option<u64>,
    /// The host that it is about; empty for none.
    pub host: &'a str,
    /// What events are grouped by; empty for none.
    pub aggregation_key: &'a str,
    /// Whether it can wait.
    pub priority: Option<Priority>,
    /// What kind of program it comes from; empty for none.
    pub source_type: &'a str,
    /// How bad it is.
    pub alert: Option<Alert>,
    /// Tags beside the client's constant ones.
    pub tags: Tags<'a>,
}

/// Whether an event can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// It can.
    Low,
    /// As events usually are.
    Normal,
}

/// How bad an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// Something failed.
    Error,
    /// Something is told.
    Info,
    /// Something went well.
    Success,
    /// Something may fail.
    Warning,
}

/// How a part of a service is: a line `_sc|...`, which receivers of the plain protocol do not
/// know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceCheck<'a> {
    /// The name of the check; not empty. The client's prefix is not put before it.
    pub name: &'a str,
    /// What it found.
    pub status: Status,
    /// Seconds since the epoch; the receiver's clock where there is none.
    pub timestamp: Option<u64>,
    /// The host that it is about; empty for none.
    pub host: &'a str,
    /// Tags beside the client's constant ones.
    pub tags: Tags<'a>,
    /// Why it is so, for people; empty for none.
    pub message: &'a str,
}

/// What a service check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `0`: all is well.
    Ok,
    /// `1`: it works, with troubles.
    Warning,
    /// `2`: it does not work.
    Critical,
    /// `3`: it could not be found out.
    Unknown,
}

impl<'a> Event<'a> {
    /// An event with a title and a text, and nothing else.
    #[must_use]
    pub const fn new(title: &'a str, text: &'a str) -> Self {
        Self {
            title,
            text,
            timestamp: None,
            host: "",
            aggregation_key: "",
            priority: None,
            source_type: "",
            alert: None,
            tags: &[],
        }
    }

    pub(crate) fn write(&self, style: &Style, out: &mut Vec<u8>) -> Result<(), Reason> {
        if self.title.is_empty() {
            return Err(Reason::EmptyValue);
        }
        let (mut title, mut text) = (Vec::new(), Vec::new());
        escape::write(self.title, Place::Text, &mut title);
        escape::write(self.text, Place::Text, &mut text);
        out.extend_from_slice(b"_e{");
        write_u64(title.len() as u64, out);
        out.push(b',');
        write_u64(text.len() as u64, out);
        out.extend_from_slice(b"}:");
        out.extend_from_slice(&title);
        out.push(b'|');
        out.extend_from_slice(&text);
        if let Some(seconds) = self.timestamp {
            write_timestamp(seconds, b"|d:", out)?;
        }
        write_words(b"|h:", self.host, out);
        write_words(b"|k:", self.aggregation_key, out);
        write_words(b"|p:", self.priority.map_or("", Priority::word), out);
        write_words(b"|s:", self.source_type, out);
        write_words(b"|t:", self.alert.map_or("", Alert::word), out);
        style.write_tags(self.tags, out)
    }
}

impl Priority {
    const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
        }
    }
}

impl Alert {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
        }
    }
}

impl<'a> ServiceCheck<'a> {
    /// A service check with a name and what it found, and nothing else.
    #[must_use]
    pub const fn new(name: &'a str, status: Status) -> Self {
        Self { name, status, timestamp: None, host: "", tags: &[], message: "" }
    }

    pub(crate) fn write(&self, style: &Style, out: &mut Vec<u8>) -> Result<(), Reason> {
        if self.name.is_empty() {
            return Err(Reason::EmptyName);
        }
        write_words(b"_sc|", self.name, out);
        out.extend_from_slice(match self.status {
            Status::Ok => b"|0",
            Status::Warning => b"|1",
            Status::Critical => b"|2",
            Status::Unknown => b"|3",
        });
        if let Some(seconds) = self.timestamp {
            write_timestamp(seconds, b"|d:", out)?;
        }
        write_words(b"|h:", self.host, out);
        style.write_tags(self.tags, out)?;
        write_words(b"|m:", self.message, out);
        Ok(())
    }
}

/// Appends a field, where it says something.
fn write_words(field: &[u8], words: &str, out: &mut Vec<u8>) {
    if !words.is_empty() {
        out.extend_from_slice(field);
        escape::write(words, Place::Words, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event: &Event<'_>) -> String {
        let mut out = Vec::new();
        event.write(&Style::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn check(check: &ServiceCheck<'_>) -> String {
        let mut out = Vec::new();
        check.write(&Style::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_tells_the_lengths_of_its_escaped_texts() {
        assert_eq!(event(&Event::new("a|b", "line1\nline2")), "_e{3,12}:a|b|line1\\nline2");
        assert_eq!(event(&Event::new("\u{e9}", "")), "_e{2,0}:\u{e9}|");
        let all = Event {
            timestamp: Some(7),
            host: "h|h",
            aggregation_key: "k",
            priority: Some(Priority::Low),
            source_type: "s",
            alert: Some(Alert::Error),
            tags: &[("a", "b"), ("c", "")],
            ..Event::new("T", "x")
        };
        assert_eq!(event(&all), "_e{1,1}:T|x|d:7|h:h%7Ch|k:k|p:low|s:s|t:error|#a:b,c");
    }

    #[test]
    fn a_service_check_ends_with_its_message() {
        assert_eq!(check(&ServiceCheck::new("db|x", Status::Unknown)), "_sc|db%7Cx|3");
        let all = ServiceCheck {
            timestamp: Some(7),
            host: "h",
            tags: &[("a", "b")],
            message: "no\nanswer|",
            ..ServiceCheck::new("db", Status::Critical)
        };
        assert_eq!(check(&all), "_sc|db|2|d:7|h:h|#a:b|m:no\\nanswer%7C");
    }

    #[test]
    fn nothing_without_a_name_is_written() {
        let (style, mut out) = (Style::default(), Vec::new());
        assert_eq!(Event::new("", "x").write(&style, &mut out), Err(Reason::EmptyValue));
        let check = ServiceCheck::new("", Status::Ok);
        assert_eq!(check.write(&style, &mut out), Err(Reason::EmptyName));
        let late = Event { timestamp: Some(u64::MAX), ..Event::new("a", "b") };
        assert_eq!(late.write(&style, &mut out), Err(Reason::BadField));
    }
}
