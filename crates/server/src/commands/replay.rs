//! `gstatsd replay`: what recorded packets become, with a virtual clock and no sockets.

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gstatsd_aggregate::{Merger, Naming, Order, Part, Point, Table, Window};
use gstatsd_wire::recording;

use crate::aggregation::{self, SettingsBook};
use crate::cli::ReplayArgs;
use crate::clock::Timestamps;
use crate::config::Config;

/// Prints the Graphite lines of each interval, sorted by bytes, then an empty line.
///
/// The virtual clock starts at the epoch. Samples with a time of their own come out with that. Our
/// own metrics are left out: they tell of the daemon.
///
/// # Errors
/// The configuration or the file is not valid, or standard output does not take it.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.flags)?;
    let shown = args.file.display();
    let file = fs::read(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let intervals = recording::read(&file).with_context(|| format!("{shown}"))?;
    let mut replay = Replay::new(&config, args.timestamps);
    let mut output = io::BufWriter::new(io::stdout().lock());
    for packets in intervals {
        output.write_all(&replay.interval(&packets))?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

struct Replay {
    naming: Naming,
    table: Table,
    merger: Merger,
    interval: Duration,
    /// Virtual time.
    elapsed: Duration,
    timestamps: Timestamps,
    show_timestamps: bool,
}

impl Replay {
    fn new(config: &Config, show_timestamps: bool) -> Self {
        let settings = SettingsBook::of(config);
        let rules = Arc::new(settings.rules(config));
        let naming = aggregation::naming(config, &settings);
        let mut merger = Merger::new();
        merger.set_limits(aggregation::limits(config));
        merger.set_idle_policy(aggregation::idle_policy(config, &settings));
        Self {
            table: aggregation::table(config, &naming, &rules),
            naming,
            merger,
            interval: config.flush_interval,
            elapsed: Duration::ZERO,
            timestamps: Timestamps::new(config.flush_interval),
            show_timestamps,
        }
    }

    /// The text of one interval.
    fn interval(&mut self, packets: &[Vec<u8>]) -> Vec<u8> {
        for packet in packets {
            self.table.packet(packet, Order::default());
        }
        self.elapsed += self.interval;
        let mut part = self.table.rotate(Box::<Part>::default());
        self.merger.add(0, &mut part);
        let window = Window {
            timestamp: self.timestamps.next(self.elapsed, self.elapsed),
            seconds: self.interval.as_secs_f64(),
        };
        let snapshot = self.merger.finish(window, Vec::new());
        let mut lines = Vec::new();
        let mut put = |point: Point<'_>, second: Option<i64>| {
            let mut line = point.name.to_vec();
            line.push(b' ');
            point.value.write(&mut line);
            if let Some(second) = second {
                line.extend_from_slice(format!(" {second}").as_bytes());
            }
            line.push(b'\n');
            lines.push(line);
        };
        let shown = self.show_timestamps.then_some(window.timestamp);
        self.naming.points(&snapshot, |point| put(point, shown));
        self.naming.dated_points(&snapshot, |point, second| put(point, Some(second)));
        lines.sort_unstable();
        lines.push(b"\n".to_vec());
        lines.concat()
    }
}
