//! `gstatsd spool`: what waits on the disk for sinks.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use gstatsd_aggregate::{Naming, Point, Snapshot};
use gstatsd_store::{Record, inspect};

use crate::aggregation::{self, SettingsBook};
use crate::cli::{SpoolArgs, SpoolTask};
use crate::config::Config;

/// Lists the spools, reads all of their records, or prints them as lines for Graphite. Nothing is
/// changed, and the daemon may run meanwhile.
///
/// # Errors
/// The configuration is not valid or has no spool, a spool cannot be read, or standard output does
/// not take it.
pub(crate) fn run(args: &SpoolArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.flags)?;
    let root = config.spool_directory();
    let root = root.context("spool: the configuration has none: set state_directory")?;
    let mut names = match &args.name {
        Some(name) => vec![name.clone()],
        None => names(root).with_context(|| format!("cannot read {}", root.display()))?,
    };
    names.sort_unstable();
    let naming = aggregation::naming(&config, &SettingsBook::of(&config));
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut is_whole = true;
    for name in names {
        let dir = root.join(&name);
        let mut lines = Lines { naming: &naming, unread: 0 };
        let mut visit = |record: Record| match args.what {
            SpoolTask::Ls => Ok(()),
            SpoolTask::Verify => lines.of(&record).map(drop),
            SpoolTask::Export => output.write_all(&lines.of(&record)?),
        };
        let found = inspect(&dir, &name, &mut visit);
        let found = found.with_context(|| format!("cannot read {}", dir.display()))?;
        is_whole &= !found.is_damaged && found.lost_points == 0 && found.foreign.is_empty();
        is_whole &= lines.unread == 0;
        if args.what == SpoolTask::Export {
            continue;
        }
        let configured = config.sinks.iter().any(|sink| sink.name == name);
        let (records, points, lost) = (found.records, found.points, found.lost_points);
        let state = found.state.word();
        write!(output, "{name}: {records} records, {points} points, state: {state}")?;
        if lost > 0 || found.is_damaged {
            write!(output, ", damaged: {lost} points lost")?;
        }
        if lines.unread > 0 {
            write!(output, ", {} records without a snapshot", lines.unread)?;
        }
        if !configured {
            write!(output, ", no such sink in the configuration")?;
        }
        writeln!(output)?;
        for (file, why) in found.foreign {
            writeln!(output, "{name}: {file}: {why}")?;
        }
    }
    output.flush()?;
    let is_good = is_whole || args.what != SpoolTask::Verify;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The directories in it.
fn names(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// Makes lines of records.
struct Lines<'a> {
    naming: &'a Naming,
    /// Records that hold no snapshot.
    unread: usize,
}

impl Lines<'_> {
    fn of(&mut self, record: &Record) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        let Ok(snapshot) = Snapshot::decode(&record.payload) else {
            self.unread += 1;
            return Ok(lines);
        };
        let mut put = |point: Point<'_>, second: i64| {
            lines.extend_from_slice(point.name);
            lines.push(b' ');
            point.value.write(&mut lines);
            lines.extend_from_slice(format!(" {second}\n").as_bytes());
        };
        let timestamp = snapshot.window.timestamp;
        self.naming.points(&snapshot, |point| put(point, timestamp));
        self.naming.dated_points(&snapshot, put);
        Ok(lines)
    }
}
