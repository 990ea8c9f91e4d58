//! Tags: what is typed, and what is wrong with it.

use gstatsd_aggregate::TagTemplate;
use gstatsd_wire::{TagStyle, TagStyles};

use super::{errors_of_file, of_file, text};
use crate::config::file::FileTags;
use crate::config::{Dialect, TagMode, Tags};

fn template(text: &str) -> TagTemplate {
    TagTemplate::parse(text).unwrap()
}

/// What holds without a key.
pub(super) fn usual() -> Tags {
    Tags {
        mode: TagMode::Dialect,
        styles: None,
        count_max: 64,
        bytes_max: 4096,
        constant: Vec::new(),
        origin: false,
        folded: false,
        template: template("{name}.{tags}"),
    }
}

/// A value for every key, none of them the default.
pub(super) fn full_file() -> FileTags {
    FileTags {
        mode: text("keep"),
        styles: Some(["influx", "lyft"].map(str::to_owned).to_vec()),
        count_max: Some(3),
        bytes_max: Some(100),
        constant: Some(["host:${HOSTNAME}:$${a}", "b"].map(str::to_owned).to_vec()),
        origin: Some(true),
        output: text("name"),
        template: text("{name}-{b}"),
    }
}

/// What it means.
pub(super) fn full() -> Tags {
    Tags {
        mode: TagMode::Keep,
        styles: Some(TagStyles::of(&[TagStyle::Influx, TagStyle::Lyft])),
        count_max: 3,
        bytes_max: 100,
        constant: vec![("host".into(), Some("web1:${a}".into())), ("b".into(), None)],
        origin: true,
        folded: true,
        template: template("{name}-{b}"),
    }
}

#[test]
fn styles_are_those_of_the_dialect_all_or_some() {
    let styles = |typed: &str| of_file(&format!("tags.styles = {typed}")).tags.styles;
    assert_eq!(styles("[\"own\"]"), None);
    assert_eq!(styles("[\"all\"]"), Some(TagStyles::ALL));
    assert_eq!(styles("[]"), Some(TagStyles::NONE));
    assert_eq!(styles("[\"librato\"]"), Some(TagStyles::of(&[TagStyle::Librato])));
}

#[test]
fn what_is_wrong_with_tags_is_told_with_the_line() {
    let check = |line: &str, why: &str| {
        assert_eq!(errors_of_file(&format!("[tags]\n{line}")), [format!("a.toml: line 2: {why}")]);
    };
    check("mode = \"no\"", "tags.mode: 'no' is not \"dialect\", \"keep\" or \"drop\"");
    let known = "dogstatsd, graphite, influx, librato, signalfx, lyft, nor own or all alone";
    check("styles = [\"x\"]", &format!("tags.styles: 'x' is none of {known}"));
    check("styles = [\"all\", \"lyft\"]", &format!("tags.styles: 'all' is none of {known}"));
    check("count_max = 1025", "tags.count_max: 1025 is not between 0 and 1024 tags");
    check("bytes_max = -1", "tags.bytes_max: -1 is not between 0 and 65536 bytes");
    check("constant = [\":a\"]", "tags.constant: \":a\" is no tag");
    check("constant = [\"a:\\u0001\"]", "tags.constant: \"a:\\u{1}\" is no tag");
    check("constant = [\"a:1\", \"a\"]", "tags.constant: 'a' is listed twice");
    check("constant = [\"a:${NONE}\"]", "tags.constant: variable NONE is not set");
    check("output = \"x\"", "tags.output: 'x' is not \"tags\" or \"name\"");
    let missing = "{name} is missing, so that all names would become one";
    check("template = \"{tags}\"", &format!("tags.template: {missing}"));
}

#[test]
fn a_listener_has_the_dialect_that_it_names_or_that_of_the_daemon() {
    let dialects = |text: &str| -> Vec<Dialect> {
        of_file(text).listeners.iter().map(|listener| listener.dialect).collect()
    };
    let two = "[[listen]]\naddress = \"1\"\n[[listen]]\naddress = \"2\"\ndialect = \"dogstatsd\"";
    assert_eq!(dialects(two), [Dialect::Gstatsd, Dialect::Dogstatsd]);
    let statsd = format!("dialect = \"statsd\"\n{two}");
    assert_eq!(dialects(&statsd), [Dialect::Statsd, Dialect::Dogstatsd]);
    let wrong = two.replace("dogstatsd", "x");
    let why = "'x' is not \"gstatsd\", \"statsd\" or \"dogstatsd\"";
    assert_eq!(errors_of_file(&wrong), [format!("a.toml: line 5: listen.dialect: {why}")]);
}
