//! Foreign configurations as ours: of the Node.js StatsD, of its proxy, and mappings of
//! statsd_exporter.
//!
//! A file becomes a [`value::Node`] first, whatever language it is written in; then each kind of
//! configuration has its file that turns nodes into a [`document::Document`].

use self::document::Document;
use self::value::{Node, Value, excerpt, is_blank};
use crate::config::Errors;

mod document;
mod exporter;
mod javascript;
mod keys;
mod statsd;
#[cfg(test)]
mod tests;
mod value;
mod yaml;

/// What is wrong, and the line, from 1, where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Problem {
    line: usize,
    what: String,
}

/// The text of a configuration file that does what the file `name`, which has this text, did.
///
/// # Errors
/// The file is not of a kind that we know, or has values that mean nothing here; each error
/// names the file and the line.
pub(crate) fn configuration(name: &str, text: &str) -> Result<String, Errors> {
    let document = document(name, text).map_err(|problems| {
        let lines = problems.iter();
        let lines = lines.map(|Problem { line, what }| format!("{name}: line {line}: {what}"));
        Errors::from(lines.collect::<Vec<_>>())
    })?;
    Ok(format!("# Imported from {}.\n{}", excerpt(name, usize::MAX), document.text()))
}

/// The document for a file, by what its name and its text tell about its kind.
fn document(name: &str, text: &str) -> Result<Document, Vec<Problem>> {
    let node = if is_yaml(name, text) {
        yaml::read(text).map_err(|problem| vec![problem])?
    } else {
        javascript::read(text)?
    };
    match node {
        Node { value: Value::Table(config), .. } if config.find("mappings").is_some() => {
            exporter::document(&config)
        }
        Node { value: Value::Table(config), line } if is_yaml(name, text) => {
            let has_defaults = config.find("defaults").is_some();
            let what = "there are no mappings: a file in YAML is one of statsd_exporter".to_owned();
            if has_defaults {
                exporter::document(&config)
            } else {
                Err(vec![Problem { line, what }])
            }
        }
        Node { value: Value::Table(config), .. } => statsd::document(&config),
        Node { line, value } => {
            let what = format!("{} is no configuration", value.shown());
            Err(vec![Problem { line, what }])
        }
    }
}

/// Whether a file is read as YAML: by its name, or where that tells nothing, by its text, which
/// does not begin as JavaScript does then.
fn is_yaml(name: &str, text: &str) -> bool {
    let has_end = |ends: [&str; 2]| ends.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    if has_end([".yml", ".yaml"]) || has_end([".js", ".json"]) {
        return has_end([".yml", ".yaml"]);
    }
    !text.trim_start_matches(is_blank).starts_with(['{', '/', '('])
}
