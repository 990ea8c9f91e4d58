//! The manual page, made from the same definitions as `--help`.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{Cli, EXAMPLES};

/// Writes the manual page, in roff.
///
/// # Errors
/// The writer does not take it.
pub(crate) fn render(page: &mut impl Write) -> io::Result<()> {
    let command = Cli::command();
    // A date would make another page every day, and without one the version would stand there.
    let man = Man::new(command.clone()).date(" ").manual("gstatsd");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    let mut rest = Roff::new();
    commands(&mut rest, command);
    literal(&mut rest, "EXAMPLES", EXAMPLES.trim_start_matches("Examples:\n"));
    paragraphs(
        &mut rest,
        "EXIT STATUS",
        &[
            ("0", "Success. The daemon was told to end, and did."),
            ("1", "The configuration is not valid, or the daemon cannot start."),
            ("2", "The command line is wrong: an unknown flag, or a flag without its value."),
        ],
    );
    paragraphs(
        &mut rest,
        "SIGNALS",
        &[
            ("SIGTERM, SIGINT", "Receive what has arrived, flush, wait for the sinks, end."),
            ("SIGHUP", "Open the log file and read the configuration file again."),
            ("SIGUSR1", "Say in the log how the books stood at the last flush."),
            (
                "SIGUSR2",
                "Start the file that now has the name of the program, hand all sockets over to it, \
                 and end. When it is not ready in time, go on.",
            ),
        ],
    );
    rest.to_writer(page)
}

/// The subcommands. The flags that they share with the daemon are told once, above.
fn commands(roff: &mut Roff, mut command: Command) {
    command.build();
    roff.control("SH", ["COMMANDS"]);
    for subcommand in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        let usage = subcommand.render_usage().to_string();
        roff.control("TP", []);
        roff.text([bold(usage.trim_start_matches("Usage: "))]);
        let about = subcommand.get_long_about().or(subcommand.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        for paragraph in about.split("\n\n") {
            let sentences = paragraph.replace('\n', " ");
            // clap takes the full stop off the first paragraph.
            roff.text([roman(format!("{}.", sentences.trim_end_matches('.')))]);
        }
    }
}

fn paragraphs(roff: &mut Roff, section: &str, items: &[(&str, &str)]) {
    roff.control("SH", [section]);
    for (item, text) in items {
        roff.control("TP", []);
        roff.text([bold(*item)]);
        roff.text([roman(*text)]);
    }
}

/// A section whose lines stay as they are.
fn literal(roff: &mut Roff, section: &str, text: &str) {
    roff.control("SH", [section]);
    roff.control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}
