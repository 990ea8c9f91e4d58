//! The reference page of the configuration, in Markdown.

use std::fmt::Write;

use super::{key::Key, keys::ALL};

const HEAD: &str = "\
<!-- Made by `gstatsd docs config`. Do not edit. -->

# Configuration

Everything has a default: `gstatsd` alone runs. A TOML file given with `-c` sets what is below;
the flags of the command line override it. `gstatsd check FILE` says whether a file is valid and
what it comes to.

```toml
flush_interval = 10
percent = 95
prefix = \"${HOSTNAME}\"

[[listen]]
address = \"udp://:8125\"

[[sink]]
url = \"graphite://carbon:2003\"

[log]
target = \"/var/log/gstatsd.log\"
```

An unknown key is an error, and so is a value out of its bounds. In `prefix`, `own_metrics`,
addresses and urls, `${NAME}` stands for the environment variable `NAME`, `${HOSTNAME}` for the
name of the machine unless that variable is set, and `$${` for `${`. A variable that is not set is
an error.

SIGHUP opens the log file again and reads this file again. Keys that a reload applies then take
effect, the others at the next start; the log says which is which. A file that cannot be read, or
has anything wrong with it, changes nothing at all: the old configuration stays, the log says why,
and the own metric `reloads.stale` is 1. Flags keep overriding the file. The interval in which a
reload falls is already named in the new way; what was received before in it counts as it was
read. A listener or sink that is gone from the file is closed when what waits for it is taken; a
sink has `shutdown_timeout` for that, and what is left then is dropped as `config_removed`.

";

/// The reference page, made from the table of keys.
pub(crate) fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut table = "";
    page.push_str(&heading(table));
    for key in ALL {
        let within = key.about().path.rsplit_once('.').map_or("", |(table, _)| table);
        if within != table {
            page.push_str(&heading(within));
            table = within;
        }
        page.push_str(&section(*key));
    }
    // One line between sections, none after the last.
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// The heading of a table of the file; that of the keys above all tables for an empty one.
fn heading(table: &str) -> String {
    match table {
        "" => "## Above all tables\n\n".to_owned(),
        "listen" | "relay.node" | "repeater" | "rule" | "sink" => {
            format!("## `[[{table}]]`, can be repeated\n\n")
        }
        table => format!("## `[{table}]`\n\n"),
    }
}

/// The section of one key.
fn section(key: Key) -> String {
    let about = key.about();
    let mut text = format!("### `{}`\n\n{}", about.path, about.effect);
    if !about.edge.is_empty() {
        text.push(' ');
        text.push_str(about.edge);
    }
    text.push_str("\n\n");
    let mut item = |what: &str, value: &str| {
        // Writing to a String cannot fail.
        writeln!(text, "* {what}: {value}").ok();
    };
    item("Value", &allowed(key));
    item("Default", &default(key).map_or("none".to_owned(), |toml| format!("`{toml}`")));
    if let Some(flag) = about.flag {
        item("Flag", &format!("`{flag}`"));
    }
    item("Applied by a reload", if about.reload { "yes" } else { "no" });
    text.push('\n');
    text
}

/// What the value may be, with its unit.
fn allowed(key: Key) -> String {
    match key {
        Key::Whole(key) => format!("a whole number {}", key.bounds()),
        Key::Number(key) => format!("a number {}", key.bounds()),
        Key::Text(key) => key.allowed.to_owned(),
        Key::List(key) => key.allowed.to_owned(),
        Key::Switch(_) => "`true` or `false`".to_owned(),
    }
}

/// The default as it would be typed in the file.
pub(crate) fn default(key: Key) -> Option<String> {
    match key {
        Key::Whole(key) => Some(key.default.to_string()),
        Key::Number(key) => Some(key.default.to_string()),
        Key::List(key) => Some(key.default.to_owned()).filter(|toml| !toml.is_empty()),
        Key::Text(key) => key.default.map(|text| format!("\"{text}\"")),
        Key::Switch(key) => Some(key.default.to_string()),
    }
}
