//! `gstatsd explain`: how a line is read, and what it becomes.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use gstatsd_aggregate::{Merger, Order, Part, SeriesKind, Window};
use gstatsd_wire::{Line, Receiver, Rejection, Sample, Value};

use crate::aggregation;
use crate::cli::ExplainArgs;
use crate::config::Config;

/// Explains a line. Several lines, as a packet holds them, are explained one after the other.
///
/// # Errors
/// The configuration is not valid, or standard output does not take it.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.flags)?;
    io::stdout().write_all(explain(&config, args.line.as_bytes()).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn explain(config: &Config, packet: &[u8]) -> String {
    let dialect = aggregation::dialect(config);
    let mut reading = Reading { dialect, text: String::new(), lines: 0 };
    gstatsd_wire::parse(packet, &dialect.grammar, &mut reading);
    let mut text = reading.text;
    if reading.lines == 0 {
        text.push_str("no line: there is nothing between the newlines\n");
    }
    text + &outcome(config, packet)
}

/// What comes of the packet when it is all that one interval brings.
fn outcome(config: &Config, packet: &[u8]) -> String {
    let naming = aggregation::naming(config);
    let mut table = aggregation::table(config, &naming);
    table.packet(packet, Order::default());
    let mut part = table.rotate(Box::<Part>::default());
    let mut merger = Merger::new();
    merger.add(0, &mut part);
    let seconds = config.flush_interval.as_secs_f64();
    let snapshot = merger.finish(Window { timestamp: 0, seconds }, Vec::new());
    let reserved: u64 = part.counts.samples_rejected[gstatsd_wire::Reason::ReservedName as usize];
    if snapshot.series_count() == 0 {
        return match reserved {
            0 => "becomes nothing\n".to_owned(),
            _ => "becomes nothing: reserved_name, it would come out among our own metrics\n"
                .to_owned(),
        };
    }
    let mut text = format!("becomes, when an interval of {seconds} s brings nothing else:\n");
    let mut value = Vec::new();
    naming.points(&snapshot, |point| {
        // The number of series is not of the line.
        if point.name == b"statsd.numStats" {
            return;
        }
        value.clear();
        point.value.write(&mut value);
        let (name, value) = (point.name.escape_ascii(), value.escape_ascii());
        put(&mut text, format_args!("  {name} {value}\n"));
    });
    text
}

/// Writes down what the parser reads.
struct Reading {
    dialect: gstatsd_aggregate::Dialect,
    text: String,
    lines: u64,
}

impl<'a> Receiver<'a> for Reading {
    fn line(&mut self, line: Line<'a>) {
        self.lines += 1;
        match line {
            Line::Event(_) => self.say("an event: counted, not aggregated"),
            Line::ServiceCheck(_) => self.say("a service check: counted, not aggregated"),
            Line::Rejected(rejection) => self.say_rejected("line", rejection),
            Line::Metric(line) => {
                let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
                let mut safe = Vec::new();
                self.dialect.sanitise(name, &mut safe);
                let shown = name.escape_ascii();
                match safe == name {
                    true => self.say(&format!("a metric line, name '{shown}'")),
                    false => {
                        let safe = safe.escape_ascii();
                        self.say(&format!("a metric line, name '{shown}', written as '{safe}'"));
                    }
                }
            }
        }
    }

    fn sample(&mut self, sample: Sample<'a>) {
        let mut text = format!("  a sample: {}", sample.kind.word());
        match sample.value {
            Value::Delta(change) => put(&mut text, format_args!(" change {change:+}")),
            Value::Member(member) => {
                put(&mut text, format_args!(" member '{}'", member.escape_ascii()));
            }
            Value::Number(number) => put(&mut text, format_args!(" {number}")),
        }
        let kind = self.dialect.series_kind(sample.kind);
        if kind.word() != sample.kind.word() {
            put(&mut text, format_args!(", taken as a {}", kind.word()));
        }
        if sample.rate < 1.0 {
            let effect = match kind {
                SeriesKind::Counter => format!("counts {} times", 1.0 / sample.rate),
                _ => "makes no difference to this type".to_owned(),
            };
            put(&mut text, format_args!(", rate {}: {effect}", sample.rate));
        }
        if !sample.tags.is_empty() {
            let tags = sample.tags.escape_ascii();
            put(&mut text, format_args!(", tags '{tags}': dropped by this dialect"));
        }
        self.say(&text);
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        self.say_rejected("  value", rejection);
    }
}

impl Reading {
    fn say(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn say_rejected(&mut self, what: &str, Rejection { reason, text }: Rejection<'_>) {
        let (text, meaning) = (text.escape_ascii(), reason.meaning());
        self.say(&format!("{what} '{text}' is rejected: {reason}, {meaning}"));
    }
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}
