//! Tests of the table of keys, and of the page that is made from it.

use std::collections::BTreeSet;

use super::ALL;
use crate::config::reference;
use crate::config::tests::{dogstatsd_file, full_file, of_file, shown, statsd_file};

/// Tables whose keys are the user's own.
const KEYS_OF_USERS: [&str; 4] = ["rule.tags", "sink.headers", "sink.labels", "sink.resource"];

/// The paths of all keys in a table, those of repeated tables once.
fn paths(table: &toml::Table, above: &str, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            // Its keys are the user's own.
            toml::Value::Table(_) if KEYS_OF_USERS.contains(&path.as_str()) => {
                found.insert(path);
            }
            toml::Value::Table(inner) => paths(inner, &path, found),
            toml::Value::Array(items) if items.iter().all(toml::Value::is_table) => {
                items.iter().for_each(|item| paths(item.as_table().unwrap(), &path, found));
            }
            _ => {
                found.insert(path);
            }
        }
    }
}

#[test]
fn the_table_of_keys_has_each_key_of_a_file_once_and_no_other() {
    let mut in_file = BTreeSet::new();
    for file in [full_file(), statsd_file(), dogstatsd_file()] {
        paths(&toml::Table::try_from(file).unwrap(), "", &mut in_file);
    }
    let in_table: Vec<&str> = ALL.iter().map(|key| key.about().path).collect();
    assert_eq!(in_table.len(), in_file.len());
    assert_eq!(in_table.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), in_file);
}

/// The value at a path, in the first of repeated tables.
fn value_at<'a>(table: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((first, rest)) => match table.get(first)? {
            toml::Value::Table(inner) => value_at(inner, rest),
            toml::Value::Array(items) => value_at(items.first()?.as_table()?, rest),
            _ => None,
        },
    }
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let console: toml::Table = shown(&of_file("")).parse().unwrap();
    let graphite: toml::Table = shown(&of_file("[[sink]]\nurl = \"foo:1\"")).parse().unwrap();
    let page = "[[sink]]\nurl = \"prometheus://:1\"";
    let histograms = format!("{page}\ntimers = \"histogram\"");
    let page: toml::Table = shown(&of_file(page)).parse().unwrap();
    let histograms: toml::Table = shown(&of_file(&histograms)).parse().unwrap();
    let statsd_sink: toml::Table =
        shown(&of_file("[[sink]]\nurl = \"statsd://foo:1\"")).parse().unwrap();
    let file_sink: toml::Table = shown(&of_file("[[sink]]\nurl = \"file:/x\"")).parse().unwrap();
    let otlp: toml::Table = shown(&of_file("[[sink]]\nurl = \"otlp://a\"")).parse().unwrap();
    let peers = "[[repeater]]\nurl = \"a:1\"\n[[relay.node]]\nurl = \"a:1\"";
    let peers: toml::Table = shown(&of_file(peers)).parse().unwrap();
    let unix = "[[listen]]\naddress = \"unix:///a\"";
    let unix: toml::Table = shown(&of_file(unix)).parse().unwrap();
    let table = |text: &str| -> toml::Table { shown(&of_file(text)).parse().unwrap() };
    let (statsd, dogstatsd) = (table("dialect = \"statsd\""), table("dialect = \"dogstatsd\""));
    let rule = table("[[rule]]\nmatch = \"**\"");
    for key in ALL {
        let path = key.about().path;
        let documented = reference::default(*key);
        let shown = match path {
            _ if path.starts_with("rule.") => value_at(&rule, path),
            "listen.address" | "listen.dialect" | "listen.allow" | "listen.deny" => {
                value_at(&console, path)
            }
            // Datagrams over UDP come over no connection and through no file.
            _ if path.starts_with("listen.") => value_at(&unix, path),
            // A console has no connection to wait for.
            "sink.connect_timeout" | "sink.write_timeout" | "sink.replay" => {
                value_at(&graphite, path)
            }
            // What is said of all spools holds for those of which nothing is said.
            "sink.spool_bytes" => value_at(&console, "spool.bytes"),
            "sink.spool_age" => value_at(&console, "spool.age"),
            "sink.spool_sync" => value_at(&console, "spool.sync"),
            "sink.packet_bytes" | "sink.tag_style" | "sink.pack_values" => {
                value_at(&statsd_sink, path)
            }
            "sink.file_bytes_max" | "sink.files_max" => value_at(&file_sink, path),
            "sink.timeout" | "sink.compression" | "sink.temporality" | "sink.headers"
            | "sink.labels" => value_at(&otlp, path),
            "sink.quantiles" | "sink.seconds" | "sink.timers" | "sink.idle_timeout" => {
                value_at(&page, path)
            }
            "sink.buckets" => value_at(&histograms, path),
            _ if path.starts_with("repeater.") || path.starts_with("relay.") => {
                value_at(&peers, path)
            }
            "flush_counts" | "sanitize_names" => value_at(&statsd, path),
            _ if path.starts_with("namespace.") => value_at(&statsd, path),
            "counts" | "distribution_percent" => value_at(&dogstatsd, path),
            _ => value_at(&console, path),
        };
        match path {
            // What it comes to depends on the machine.
            "workers" | "memory_max" => assert_eq!(documented.as_deref(), Some("0")),
            // What it comes to depends on the url.
            "sink.name" => assert_eq!(documented, None),
            // It has none, and no pattern at all is none.
            "repeater.url" | "repeater.match" | "relay.node.url" | "rule.match" => {
                assert_eq!(documented, None);
            }
            _ => assert_eq!(documented, shown.map(ToString::to_string), "{path}"),
        }
    }
}

#[test]
fn the_reference_tells_everything_about_every_key() {
    let page = reference::markdown();
    for key in ALL {
        let about = key.about();
        let (_, section) = page.split_once(&format!("### `{}`\n", about.path)).unwrap();
        let section = section.split("\n#").next().unwrap();
        assert!(section.contains(about.effect) && section.contains(about.edge), "{section}");
        for item in ["* Value: ", "* Default: ", "* Applied by a reload: "] {
            assert!(section.contains(item), "{section}");
        }
        let flag = about.flag.map(|flag| format!("* Flag: `{flag}`"));
        assert!(flag.is_none_or(|flag| section.contains(&flag)), "{section}");
    }
    assert!(page.contains("* Value: a whole number between 4096 and 1073741824 bytes\n"));
    assert!(page.contains("* Value: a number in (0, 100] percent\n"));
    assert!(page.contains("\n## `[[sink]]`, can be repeated\n"));
    assert!(page.contains("\n## `[log]`\n"));
    assert!(page.contains("\n## Above all tables\n"));
}

#[test]
fn the_example_of_the_reference_is_valid() {
    let page = reference::markdown();
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(of_file(example).prefix, "web1");
}
