//! What each configured sink would send.

use gstatsd_aggregate::{Captures, Naming, Snapshot};

use super::put;
use crate::config::{Config, Delivery, SinkKind};
use crate::sinks;

/// What becomes of a snapshot at each sink. Empty where there is nothing but a console, which
/// shows what `explain` shows.
pub(super) fn at_sinks(config: &Config, snapshot: &Snapshot, naming: &Naming) -> String {
    let mut text = String::new();
    if config.sinks.iter().all(|sink| matches!(sink.kind, SinkKind::Console)) {
        return text;
    }
    for sink in &config.sinks {
        put(&mut text, format_args!("at sink {} ({}):\n", sink.name, sink.destination()));
        let mut captures = Captures::default();
        let theirs = snapshot.only(|name| sink.delivery.takes(name, &mut captures));
        if theirs.series_count() == 0 && theirs.dated.is_empty() {
            text.push_str(&format!("  not sent: {}\n", why_not(&sink.delivery, snapshot)));
            continue;
        }
        let made = match sinks::make(sink, config) {
            Ok(made) => made,
            Err(error) => {
                put(&mut text, format_args!("  cannot be told: {error:#}\n"));
                continue;
            }
        };
        let before = text.len();
        made.preview(&theirs, naming, &mut |line| {
            // A sink may have bytes to show that are no text for a terminal.
            let is_plain = |c: char| !c.is_control();
            match line.chars().all(is_plain) {
                true => put(&mut text, format_args!("  {line}\n")),
                false => put(&mut text, format_args!("  {}\n", line.escape_debug())),
            }
        });
        if text.len() == before {
            text.push_str("  nothing: its protocol has no form for it\n");
        }
    }
    text
}

/// Which key keeps all of it from a sink.
fn why_not(delivery: &Delivery, snapshot: &Snapshot) -> &'static str {
    let mut captures = Captures::default();
    let is_excluded = snapshot
        .series()
        .any(|series| delivery.exclude.iter().any(|glob| glob.matches(series.name, &mut captures)));
    match is_excluded {
        true => "excluded by `exclude`",
        false => "no pattern of `include` matches",
    }
}
