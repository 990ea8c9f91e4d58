//! The table of limits in SECURITY.md against the table of keys.

use std::collections::BTreeMap;

use super::{Key, keys};

/// The table of limits as it is published: keys, and what is said of their defaults.
fn published() -> BTreeMap<String, &'static str> {
    let page = include_str!("../../../../../SECURITY.md");
    let (_, table) = page.split_once("## Limits and their defaults").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let with_key = rows.filter_map(|row| match row.as_slice() {
        [_, default, key] => Some((key.strip_prefix('`')?.strip_suffix('`')?.to_owned(), *default)),
        _ => None,
    });
    with_key.collect()
}

/// An amount in bytes, seconds or pieces: `64 MiB`, `8,192 bytes`.
fn amount(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let factor = match unit {
        "" | "bytes" | "s" => 1.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        _ => return None,
    };
    Some(number.replace(',', "").parse::<f64>().ok()? * factor)
}

#[test]
fn the_limits_that_are_published_are_the_defaults_of_all_keys_that_bound_something() {
    let mut published = published();
    for key in keys::ALL {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let (path, default) = match key {
            Key::Whole(key) => (key.about.path, key.default as f64),
            Key::Number(key) => (key.about.path, key.default),
            _ => continue,
        };
        let is_bound = path.ends_with("_max") || path.ends_with("queue_bytes");
        let Some(said) = published.remove(path) else {
            assert!(!is_bound, "{path} stands not in SECURITY.md");
            continue;
        };
        // What follows from the machine is said in words.
        let follows = default == 0.0 && path == "memory_max";
        assert!(follows || amount(said) == Some(default), "{path}: {said}, and it is {default}");
    }
    assert_eq!(published, BTreeMap::new(), "no such keys");
}
