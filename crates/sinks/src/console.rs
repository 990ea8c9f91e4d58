//! A table per flush, for a person who watches.
//!
//! ```text
//! 22:13:20 UTC  10 s  4 series
//!   counter  requests      12  1.2/s
//!   gauge    workers       4
//!   set      users         17 distinct
//!   timer    request.time  n 5  lower 1  mean 3  upper_90 5  upper 5
//!   timer    query.time    n 2000000  lower 1  ...  upper 9  (sketch, within 4.33 %)
//!   at 1700000000  gauge  level  7
//!   event  deployed: version 7
//!   check  critical  redis: no answer
//!   lost since start: lines.rejected.no_value 3
//! ```

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use gstatsd_aggregate::{Naming, Series, Snapshot, State, TimerSummary, Window};

use crate::{PointCounter, Receipt, SendError, Sink};

mod notices;

/// The most series that one table shows.
const ROWS_MAX: usize = 200;
/// Longer names and values push what follows them aside.
const WIDTH_MAX: usize = 40;
/// Parts of the names of our own metrics that count what was lost.
const LOSSES: [&str; 3] = [".rejected.", ".shed.", ".dropped."];

/// Shows snapshots as tables.
///
/// A table names series as they are known, without a prefix, and shows the first 200 of them by
/// kind and name. It is for eyes: the points that it counts as delivered are those that another
/// sink would make of the same snapshot, whether or not it shows them.
pub struct Console {
    out: Box<dyn Write + Send>,
    /// Whether a failed write may have left the first half of a line.
    torn: bool,
    /// What was lost, as it was last shown.
    lost: String,
}

impl Console {
    /// Makes a sink that writes to `out`.
    #[must_use]
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out), torn: false, lost: String::new() }
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

impl Sink for Console {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, naming| naming.point_count(snapshot))
    }

    fn carries_notices(&self) -> bool {
        true
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        let lost = lost(naming, snapshot);
        let mut text = if self.torn { "\n".to_owned() } else { String::new() };
        write_head(snapshot, &mut text);
        write_table(naming, snapshot, &mut text);
        notices::write(snapshot, &mut text);
        // In an idle interval only news is worth a line.
        if !lost.is_empty() && (snapshot.series_count() > 0 || lost != self.lost) {
            text.push_str("  lost since start: ");
            text.push_str(&lost);
            text.push('\n');
        }
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        self.torn = written.is_err();
        written.map_err(send_error)?;
        self.lost = lost;
        Ok(Receipt::default())
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        let mut text = String::new();
        write_table(naming, snapshot, &mut text);
        notices::write(snapshot, &mut text);
        text.lines().for_each(show);
    }
}

fn send_error(source: io::Error) -> SendError {
    let peer = "the console".to_owned();
    match source.kind() {
        ErrorKind::BrokenPipe => SendError::Closed { peer, source },
        _ => SendError::Write { peer, source },
    }
}

/// A line with the time of day, the length of the interval and the number of series.
fn write_head(snapshot: &Snapshot, out: &mut String) {
    let Window { timestamp, seconds } = snapshot.window;
    let second = timestamp.rem_euclid(24 * 60 * 60);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let series = match snapshot.series_count() {
        0 => "nothing".to_owned(),
        count => format!("{count} series"),
    };
    let seconds = short(seconds);
    push(out, format_args!("{hour:02}:{minute:02}:{second:02} UTC  {seconds} s  {series}\n"));
}

fn write_table(naming: &Naming, snapshot: &Snapshot, out: &mut String) {
    let rows: Vec<_> = first_rows(snapshot)
        .into_iter()
        .map(|series| Row::of(series, naming, snapshot.window))
        .collect();
    let name_width = width(rows.iter().map(|row| row.name.as_str()));
    let value_width = width(rows.iter().filter(|row| row.rate.is_some()).map(|row| &*row.value));
    for Row { kind, name, value, rate } in &rows {
        push(out, format_args!("  {kind:<7}  {name:<name_width$}  "));
        match rate {
            Some(rate) => push(out, format_args!("{value:<value_width$}  {rate}/s\n")),
            None => push(out, format_args!("{value}\n")),
        }
    }
    let more = snapshot.series_count() - rows.len();
    if more > 0 {
        push(out, format_args!("  ... and {more} more\n"));
    }
}

/// The series to show, sorted by kind and name.
fn first_rows(snapshot: &Snapshot) -> Vec<Series<'_>> {
    let by_key =
        |a: &Series<'_>, b: &Series<'_>| -> Ordering { (a.kind, a.name).cmp(&(b.kind, b.name)) };
    let mut rows: Vec<_> = snapshot.series().collect();
    // Sorting all of a million names to show a few would take seconds.
    if rows.len() > ROWS_MAX {
        rows.select_nth_unstable_by(ROWS_MAX, by_key);
        rows.truncate(ROWS_MAX);
    }
    rows.sort_unstable_by(by_key);
    rows
}

struct Row {
    kind: &'static str,
    name: String,
    value: String,
    /// Per second; of a counter.
    rate: Option<String>,
}

impl Row {
    fn of(series: Series<'_>, naming: &Naming, window: Window) -> Self {
        let (value, rate) = match series.state {
            State::Counter(count) => {
                let rate = (count / window.seconds).clamp(f64::MIN, f64::MAX);
                (short(count), Some(short(rate)))
            }
            State::Gauge(value) => (short(value), None),
            State::Set(members) => {
                let about = if members.sketch().is_some() { "about " } else { "" };
                (format!("{about}{} distinct", members.count()), None)
            }
            State::Timer { values, count } => {
                let about = values.sketch().map(|sketch| sketch.relative_error() * 100.0);
                let about = about.map(|error| format!("  (sketch, within {error:.2} %)"));
                (timer(&series, count, naming) + &about.unwrap_or_default(), None)
            }
        };
        Self { kind: series.kind.word(), name: notices::series(series.name), value, rate }
    }
}

fn timer(series: &Series<'_>, count: f64, naming: &Naming) -> String {
    let Some(summary) = naming.summary(series) else {
        return format!("n {}", short(count));
    };
    let TimerSummary { count, lower, mean, upper, percentile } = summary;
    let [count, lower, mean, upper] = [count, lower, mean, upper].map(short);
    let percentile = percentile.map(|(name, value)| format!("{name} {}  ", short(value)));
    let percentile = percentile.unwrap_or_default();
    format!("n {count}  lower {lower}  mean {mean}  {percentile}upper {upper}")
}

/// What our own metrics say was lost since the start; empty where nothing was.
fn lost(naming: &Naming, snapshot: &Snapshot) -> String {
    let mut lost = String::new();
    let prefix = naming.own_prefix().unwrap_or_default();
    for own in snapshot.own.iter().filter(|own| own.value > 0) {
        let name = own.name.strip_prefix(prefix).unwrap_or(&own.name);
        if LOSSES.iter().any(|part| name.contains(part)) {
            let separator = if lost.is_empty() { "" } else { ", " };
            push(
                &mut lost,
                format_args!("{separator}{} {}", printable(name.as_bytes()), own.value),
            );
        }
    }
    lost
}

/// A number with six decimals at most and no more than it needs; in powers of ten where it would
/// be long.
fn short(value: f64) -> String {
    if value.abs() >= 1e15 {
        return format!("{value:e}");
    }
    let text = format!("{value:.6}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// A name without anything that a terminal would obey or hide: control characters, those that
/// are not seen or turn the direction of writing, and bytes that are no UTF-8.
fn printable(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\'' | '"' => out.push(char),
                _ => out.extend(char.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            push(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out
}

/// How wide a column must be for these texts.
fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0).min(WIDTH_MAX)
}

fn push(out: &mut String, text: fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

#[cfg(test)]
mod tests;
