//! The results as Markdown.

use anyhow::Context as _;

use super::measure::Settings;
use super::score::{Pair, Row};

/// Between these lines a page holds what was made; what stands around them is written by hand.
pub(crate) struct Marks {
    pub(crate) begin: &'static str,
    pub(crate) end: &'static str,
}

/// The tables of the server.
pub(crate) const SERVER: Marks = Marks {
    begin: "<!-- Made by `cargo xtask bench --write`. Do not edit. -->",
    end: "<!-- The end of what is made. -->",
};

impl Marks {
    /// The page with something new between the marks.
    ///
    /// # Errors
    ///
    /// A mark is missing.
    pub(crate) fn replace(&self, page: &str, made: &str) -> anyhow::Result<String> {
        let Self { begin, end } = self;
        let (before, rest) = page.split_once(begin).with_context(|| format!("no line {begin}"))?;
        let (_, after) = rest.split_once(end).with_context(|| format!("no line {end}"))?;
        Ok(format!("{before}{begin}\n\n{made}\n{end}{after}"))
    }
}

/// All results.
pub(crate) struct Report {
    /// Lines about the machine and the sources.
    pub(crate) machine: Vec<String>,
    /// How it was measured.
    pub(crate) settings: Settings,
    /// One for each workload.
    pub(crate) rows: Vec<Row>,
}

/// The result of one workload in a line.
pub(crate) fn short(row: &Row) -> String {
    let pairs: Vec<_> = row.pairs.iter().map(|pair| format!("{:.2}", pair.ratio())).collect();
    let ratio = row.median(Pair::ratio);
    let mut line =
        format!("bare/ours {ratio:.2}, aim {:.2} ({})", row.workload.aim, pairs.join(" "));
    if !row.lost.is_nothing() {
        line.push_str(&format!("; LOST {}", loss(row)));
    }
    line
}

/// The results as Markdown.
pub(crate) fn tables(report: &Report) -> String {
    let mut page = String::new();
    for line in &report.machine {
        page.push_str(&format!("* {line}\n"));
    }
    let Settings { pairs, interval, bare_slice } = report.settings;
    page.push_str(&format!(
        "* medians of {pairs} alternating pairs; a flush every {} s, one in each run of the \
         server; {} s for each run of the bare counter\n\n",
        interval.as_secs(),
        bare_slice.as_secs_f64(),
    ));
    page.push_str(
        "| workload | packets/s | metrics/s | bare, ns/packet | bare, ns/metric \
         | ours, ns/metric | of it the worker | bare/ours | aim | bare/worker | lost |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in &report.rows {
        page.push_str(&table_row(row));
    }
    page.push_str("\n| workload | metrics of a flush | bare/ours of each pair | resident, MiB |\n");
    page.push_str("|---|--:|---|--:|\n");
    for row in &report.rows {
        let pairs: Vec<_> = row.pairs.iter().map(|pair| format!("{:.2}", pair.ratio())).collect();
        page.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            row.workload.title(),
            grouped(row.metrics_per_flush),
            pairs.join(" "),
            row.resident_bytes >> 20,
        ));
    }
    for row in report.rows.iter().filter(|row| row.workload.blocking) {
        page.push_str(&against_blocking(row));
    }
    page
}

fn table_row(row: &Row) -> String {
    let metrics_per_second = row.packets_per_second * row.median(|pair| pair.metrics_per_packet);
    format!(
        "| {} | {} | {} | {:.0} | {:.1} | {:.1} | {:.1} | **{:.2}** | {:.2} | {:.2} | {} |\n",
        row.workload.title(),
        grouped(row.packets_per_second),
        grouped(metrics_per_second),
        row.median(|pair| pair.bare_packet_ns),
        row.median(Pair::bare_metric_ns),
        row.median(|pair| pair.server_metric_ns),
        row.median(|pair| pair.worker_metric_ns),
        row.median(Pair::ratio),
        row.workload.aim,
        row.median(Pair::worker_ratio),
        loss(row),
    )
}

fn against_blocking(row: &Row) -> String {
    format!(
        "\nRecorded beside it: at {} packets/s ({}) a bare counter that blocks takes {:.0} ns a \
         packet, one that waits as we do {:.0} ns, and we {:.0} ns: ours/blocking {:.2}, aim \
         0.60.\n",
        grouped(row.packets_per_second),
        row.workload.title(),
        row.median(|pair| pair.blocking_packet_ns.unwrap_or(f64::NAN)),
        row.median(|pair| pair.bare_packet_ns),
        row.median(|pair| pair.server_metric_ns * pair.metrics_per_packet),
        row.median(|pair| pair.over_blocking().unwrap_or(f64::NAN)),
    )
}

fn loss(row: &Row) -> String {
    let lost = row.lost;
    if lost.is_nothing() {
        return "0".to_owned();
    }
    let parts = [
        (lost.server_packets, "packets"),
        (lost.server_metrics, "metrics"),
        (lost.bare_packets, "packets of the bare counter"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    format!("**{}**", parts.join(", "))
}

/// A whole number with a comma between thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::score::Lost;
    use crate::bench::workload::WORKLOADS;

    fn row() -> Row {
        let pair = Pair {
            bare_packet_ns: 600.0,
            blocking_packet_ns: Some(1_200.0),
            server_metric_ns: 750.0,
            worker_metric_ns: 625.0,
            metrics_per_packet: 1.0,
        };
        Row {
            workload: WORKLOADS[0],
            packets_per_second: 199_999.6,
            metrics_per_flush: 1_000_000.0,
            pairs: vec![pair; 2],
            lost: Lost::default(),
            resident_bytes: 5 << 20,
        }
    }

    #[test]
    fn a_row_has_the_medians_and_the_aim() {
        assert_eq!(
            table_row(&row()),
            "| single, 1k keys | 200,000 | 200,000 | 600 | 600.0 | 750.0 | 625.0 | **0.80** \
             | 0.92 | 0.96 | 0 |\n"
        );
        assert_eq!(short(&row()), "bare/ours 0.80, aim 0.92 (0.80 0.80)");
        assert!(against_blocking(&row()).contains("ours/blocking 0.62, aim 0.60"));
    }

    #[test]
    fn a_loss_is_loud() {
        let lost = Lost { server_packets: 3, bare_packets: 1, ..Lost::default() };
        let row = Row { lost, ..row() };
        assert!(table_row(&row).ends_with("| **3 packets, 1 packets of the bare counter** |\n"));
        assert!(short(&row).ends_with("; LOST **3 packets, 1 packets of the bare counter**"));
    }

    #[test]
    fn tables_tell_how_they_were_made_and_have_a_row_for_each_workload() {
        let settings = Settings {
            pairs: 5,
            interval: Duration::from_secs(10),
            bare_slice: Duration::from_secs(1),
        };
        let tagged = Row { workload: WORKLOADS[6], ..row() };
        let rows = vec![row(), tagged];
        let tables = tables(&Report { machine: vec!["kernel: x".to_owned()], settings, rows });
        assert!(tables.starts_with("* kernel: x\n* medians of 5 alternating pairs"), "{tables}");
        assert_eq!(tables.matches("| single, 1k keys |").count(), 2);
        assert_eq!(
            tables.matches("| packed, a quarter with tags, dogstatsd, 100k keys |").count(),
            2
        );
        assert_eq!(tables.matches("Recorded beside it").count(), 1);
    }

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let Marks { begin, end } = SERVER;
        let page = format!("before\n{begin}\nold\n{end}\nafter\n");
        let new = SERVER.replace(&page, "new\n").unwrap();
        assert_eq!(new, format!("before\n{begin}\n\nnew\n\n{end}\nafter\n"));
        assert_eq!(SERVER.replace(&new, "new\n").unwrap(), new);
        assert!(SERVER.replace("before\n", "new\n").is_err());
        assert!(SERVER.replace(begin, "new\n").is_err());
    }

    #[test]
    fn thousands_are_grouped() {
        let all = [0.0, 999.0, 1_000.0, 1_234_567.4].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "1,234,567"]);
    }
}
