//! `gstatsd explain`: how a line is read, and what it becomes, here and at each sink.

mod sinks;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use gstatsd_aggregate::{
    Captures, Counts, Merger, Order, Part, Pattern, Point, Rules, SeriesKind, Template, Window,
};
use gstatsd_wire::{Line, Notice, Reason, Receiver, Rejection, Sample, Tag, Tagged, Tags, Value};

use self::sinks::at_sinks;
use crate::aggregation::{self, SettingsBook};
use crate::cli::ExplainArgs;
use crate::config::{Action, Config, Keep, Rule, RuleSettings};

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
    let rules = SettingsBook::of(config).rules(config);
    let (name, text) = (Vec::new(), String::new());
    let mut reading = Reading { dialect, config, rules, name, text, lines: 0 };
    gstatsd_wire::parse(packet, &dialect.grammar, &mut reading);
    let mut text = reading.text;
    if reading.lines == 0 {
        text.push_str("no line: there is nothing between the newlines\n");
    }
    text + &outcome(config, packet)
}

/// What comes of the packet when it is all that one interval brings.
fn outcome(config: &Config, packet: &[u8]) -> String {
    let settings = SettingsBook::of(config);
    let rules = Arc::new(settings.rules(config));
    let naming = aggregation::naming(config, &settings);
    let mut table = aggregation::table(config, &naming, &rules);
    table.packet(packet, Order::default());
    let mut part = table.rotate(Box::<Part>::default());
    let mut merger = Merger::new();
    merger.set_limits(aggregation::limits(config));
    merger.add(0, &mut part);
    let seconds = config.flush_interval.as_secs_f64();
    let snapshot = merger.finish(Window { timestamp: 0, seconds }, Vec::new());
    if snapshot.series_count() == 0 && snapshot.dated.is_empty() {
        return nothing(&part.counts);
    }
    let mut text = format!("becomes, when an interval of {seconds} s brings nothing else:\n");
    let mut value = Vec::new();
    let mut put_point = |point: Point<'_>, second: Option<i64>| {
        value.clear();
        point.value.write(&mut value);
        let (name, value) = (point.name.escape_ascii(), value.escape_ascii());
        put(&mut text, format_args!("  {name} {value}"));
        if let Some(second) = second {
            put(&mut text, format_args!(" at {second}"));
        }
        text.push('\n');
    };
    naming.points(&snapshot, |point| {
        // The number of series is not of the line.
        if point.name != b"statsd.numStats" {
            put_point(point, None);
        }
    });
    naming.dated_points(&snapshot, |point, second| put_point(point, Some(second)));
    text + &at_sinks(config, &snapshot, &naming)
}

/// Why a packet that the parser read becomes nothing.
fn nothing(counts: &Counts) -> String {
    let rejected = |reason: Reason| counts.samples_rejected[reason as usize];
    let mut text = "becomes nothing".to_owned();
    if rejected(Reason::ReservedName) > 0 {
        text.push_str(": reserved_name, it would come out among our own metrics");
    }
    if counts.samples_dropped_rule > 0 {
        text.push_str(": dropped by a rule");
    }
    text + "\n"
}

/// Writes down what the parser reads.
struct Reading<'c> {
    dialect: gstatsd_aggregate::Dialect,
    config: &'c Config,
    rules: Rules,
    /// Of the line, as the dialect leaves it.
    name: Vec<u8>,
    text: String,
    lines: u64,
}

impl<'a> Receiver<'a> for Reading<'_> {
    fn line(&mut self, line: Line<'a>) {
        self.lines += 1;
        match line {
            Line::Event(line) | Line::ServiceCheck(line) => self.say_notice(line),
            Line::Rejected(rejection) => self.say_rejected("line", rejection),
            Line::Metric(line) => {
                let tagged = self.dialect.grammar.tagged_line(line);
                let name = tagged.name.concat();
                self.name.clear();
                self.dialect.sanitise(&name, &mut self.name);
                let mut text = format!("a metric line, name '{}'", name.escape_ascii());
                if self.name != name {
                    put(&mut text, format_args!(", written as '{}'", self.name.escape_ascii()));
                }
                put_tags(&mut text, &tagged, self.dialect.grammar.tags == Tags::Skip);
                self.say(&text);
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
        if let Some(second) = sample.timestamp {
            put(&mut text, format_args!(", of the second {second}: passed on, not aggregated"));
        }
        self.say(&text);
        self.say_rule(kind);
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        self.say_rejected("  value", rejection);
    }
}

impl Reading<'_> {
    fn say(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// What an event or a service check says.
    fn say_notice(&mut self, line: &[u8]) {
        let what = match Notice::read(line) {
            Some(Notice::Event(event)) => format!("an event '{}'", event.title.escape_ascii()),
            Some(Notice::ServiceCheck(check)) => {
                format!("a service check '{}', {}", check.name.escape_ascii(), check.status.word())
            }
            None => "a line that says nothing".to_owned(),
        };
        self.say(&format!("{what}: counted, not aggregated, and shown by sinks that can"));
    }

    /// Which rule a sample of this kind meets, where there are rules.
    fn say_rule(&mut self, kind: SeriesKind) {
        if self.rules.is_empty() {
            return;
        }
        let mut captures = Captures::default();
        let Some(found) = self.rules.first_match(kind, &self.name, &mut captures) else {
            self.say("    no rule matches");
            return;
        };
        let Rule { pattern, action, .. } = &self.config.rules[found.index];
        let pattern = match pattern {
            Pattern::Glob(glob) => format!("match = '{glob}'"),
            Pattern::Contains(text) => format!("contains = '{}'", text.escape_debug()),
        };
        let done = match action {
            Action::Drop => "dropped".to_owned(),
            Action::Keep(keep) => kept(keep, kind, &self.name, &captures),
        };
        self.say(&format!("    rule {} ({pattern}): {done}", found.index + 1));
    }

    fn say_rejected(&mut self, what: &str, Rejection { reason, text }: Rejection<'_>) {
        let (text, meaning) = (text.escape_ascii(), reason.meaning());
        self.say(&format!("{what} '{text}' is rejected: {reason}, {meaning}"));
    }
}

/// What a rule does to a sample of a kind and name, other than to drop it.
fn kept(keep: &Keep, kind: SeriesKind, name: &[u8], captures: &Captures) -> String {
    let Keep { rename, tags, absolute, settings } = keep;
    let expanded = |template: &Template| {
        let mut text = Vec::new();
        template.expand(name, captures, &mut text);
        text.escape_ascii().to_string()
    };
    let mut done = Vec::new();
    done.extend(rename.iter().map(|rename| format!("named '{}'", expanded(rename))));
    done.extend(tags.iter().map(|(key, value)| match expanded(value).as_str() {
        "" => format!("without the tag '{key}'"),
        value => format!("tag '{key}' is '{value}'"),
    }));
    if *absolute && kind == SeriesKind::Counter {
        done.push("a total, of which the growth counts".to_owned());
    }
    let RuleSettings { percents, words, buckets, ttl } = settings;
    let own = [
        ("percent", percents.is_some()),
        ("timer_statistics", words.is_some()),
        ("buckets", buckets.is_some()),
        ("ttl", ttl.is_some()),
    ];
    let own: Vec<_> = own.into_iter().filter(|(_, own)| *own).map(|(key, _)| key).collect();
    if !own.is_empty() {
        done.push(format!("settings of its own: {}", own.join(", ")));
    }
    if done.is_empty() { "nothing is done".to_owned() } else { done.join(", ") }
}

/// Says which tags a line has, and whether they are dropped.
fn put_tags(text: &mut String, tagged: &Tagged<'_>, are_dropped: bool) {
    let mut separator = ", tags";
    for Tag { key, value } in tagged.tags() {
        put(text, format_args!("{separator} '{}", key.escape_ascii()));
        if let Some(value) = value {
            put(text, format_args!("={}", value.escape_ascii()));
        }
        text.push('\'');
        separator = "";
    }
    if separator.is_empty() && are_dropped {
        text.push_str(": dropped");
    }
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}
