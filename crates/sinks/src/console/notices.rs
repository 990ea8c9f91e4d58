//! What else an interval brought: samples with a time of their own, events and service checks.

use gstatsd_aggregate::{DatedReading, SeriesName, Snapshot};
use gstatsd_wire::{Event, Notice, NoticeFields, ServiceCheck};

use super::{ROWS_MAX, printable, push, short};

/// The most characters that a text of an event shows.
const TEXT_MAX: usize = 200;

/// Writes the first of each kind.
pub(super) fn write(snapshot: &Snapshot, out: &mut String) {
    for DatedReading { kind, name, second, value } in snapshot.dated.iter().take(ROWS_MAX) {
        let (kind, value) = (kind.word(), short(*value));
        push(out, format_args!("  at {second}  {kind}  {}  {value}\n", series(name)));
    }
    write_more(snapshot.dated.len(), "samples with a time of their own", out);
    for notice in snapshot.notices().take(ROWS_MAX).filter_map(Notice::read) {
        match notice {
            Notice::Event(event) => write_event(&event, out),
            Notice::ServiceCheck(check) => write_check(&check, out),
        }
    }
    write_more(snapshot.notice_count(), "events and service checks", out);
}

fn write_more(count: usize, what: &str, out: &mut String) {
    if count > ROWS_MAX {
        push(out, format_args!("  ... and {} more {what}\n", count - ROWS_MAX));
    }
}

fn write_event(event: &Event<'_>, out: &mut String) {
    out.push_str("  event");
    if let Some(kind) = event.alert_type {
        push(out, format_args!("  {}", text(kind)));
    }
    push(out, format_args!("  {}", text(event.title)));
    if !event.text.is_empty() {
        push(out, format_args!(": {}", text(event.text)));
    }
    write_fields(&event.fields, out);
}

fn write_check(check: &ServiceCheck<'_>, out: &mut String) {
    push(out, format_args!("  check  {}  {}", check.status.word(), text(check.name)));
    if let Some(message) = check.message {
        push(out, format_args!(": {}", text(message)));
    }
    write_fields(&check.fields, out);
}

/// Writes who says so, and ends the line.
fn write_fields(fields: &NoticeFields<'_>, out: &mut String) {
    if let Some(host) = fields.host {
        push(out, format_args!("  host {}", text(host)));
    }
    let mut separator = "  #";
    for tag in fields.tags() {
        push(out, format_args!("{separator}{}", text(tag.key)));
        if let Some(value) = tag.value {
            push(out, format_args!(":{}", text(value)));
        }
        separator = ",";
    }
    out.push('\n');
}

/// The name and the tags of a series.
pub(super) fn series(name: &[u8]) -> String {
    let mut shown = Vec::new();
    SeriesName::of(name).write(&mut shown);
    printable(&shown)
}

/// A text in one line, and not all of a long one.
fn text(text: &[u8]) -> String {
    // How a line break stands in an event, once it is printable.
    let text = printable(text).replace("\\\\n", " ");
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
