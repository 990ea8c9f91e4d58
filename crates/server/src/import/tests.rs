//! Whole files through the import: those of `testdata/import`, and the configurations of the
//! recorded answers of the Node.js StatsD.

use serde_json::Value;

use super::configuration;

/// The kinds of configuration, and what they become.
const FILES: [(&str, &str, &str); 3] = [
    (
        "statsd.js",
        include_str!("../../../../testdata/import/statsd.js"),
        include_str!("../../../../testdata/import/statsd.toml"),
    ),
    (
        "proxy.js",
        include_str!("../../../../testdata/import/proxy.js"),
        include_str!("../../../../testdata/import/proxy.toml"),
    ),
    (
        "mapping.yml",
        include_str!("../../../../testdata/import/mapping.yml"),
        include_str!("../../../../testdata/import/mapping.toml"),
    ),
];

/// What the recorded configurations that are refused are refused for.
const REFUSED: [(&str, &str); 6] = [
    ("timer_pct0_list", "percentThreshold: 0 is not"),
    ("timer_pct0_list_one", "percentThreshold: 0 is not"),
    ("timer_pct150", "percentThreshold: 150 is not"),
    ("hist_unsorted", "histogram.bins: the bins do not rise"),
    ("ns_prefixStats_empty", "prefixStats: internal metrics need a name"),
    ("ns_legacy_truthy", "graphite.legacyNamespace: 1 is neither true nor false"),
];

#[test]
fn each_kind_of_configuration_becomes_ours_with_a_comment_for_the_rest() {
    for (name, text, expected) in FILES {
        let written = configuration(name, text).unwrap();
        assert_eq!(written, expected, "{name}");
        assert!(written.parse::<toml::Table>().is_ok(), "{name}");
        // Nothing of the file is lost: each key is a key or stands in a comment.
        let unread = written.lines().filter(|line| line.contains("only a backend may know it"));
        assert_eq!(unread.count(), usize::from(name == "statsd.js"), "{name}");
    }
}

#[test]
fn the_text_tells_the_kind_where_the_name_does_not() {
    let [(_, statsd, _), (_, proxy, _), (_, mapping, _)] = FILES;
    for (text, expected) in [(statsd, "[namespace]"), (proxy, "nodes"), (mapping, "[[rule]]")] {
        let written = configuration("standard input", text).unwrap();
        assert!(written.contains(expected), "{written}");
    }
    for text in ["({})", "// comment\n{}", "\u{feff} {}"] {
        assert!(configuration("standard input", text).unwrap().contains("[[listen]]"), "{text}");
    }
    let json = r#"{"mappings": [{"match": "a.*", "name": "a", "labels": {"code": 200}}]}"#;
    let written = configuration("mapping.json", json).unwrap();
    assert!(written.contains("match = \"a.*\"") && written.contains("code = \"200\""), "{written}");
    for (name, text, error) in [
        (
            "a.yml",
            "a: 1",
            "a.yml: line 1: there are no mappings: a file in YAML is one of \
                           statsd_exporter",
        ),
        ("a.YAML", "[1", "a.YAML: line"),
        ("a.js", "a: 1", "a.js: line 1: a cannot be evaluated here"),
        ("a.js", "[1]", "a.js: line 1: [1] is no configuration"),
        ("-", "", "-: line 1: null is no configuration"),
        ("-", "5", "-: line 1: '5' is no configuration"),
    ] {
        let errors = configuration(name, text).unwrap_err();
        assert!(errors.lines()[0].starts_with(error), "{errors}");
    }
}

#[test]
fn the_recorded_configurations_are_taken_but_for_those_that_ours_refuses() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../testdata/statsd.json")).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for vector in vectors["vectors"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let mut config = vector["config"].clone();
        config["graphiteHost"] = Value::from("127.0.0.1");
        let differs = vector["differs"].as_str().unwrap_or_default();
        let is_refused = differs.starts_with("configuration error");
        match configuration("config.json", &config.to_string()) {
            Ok(written) => {
                assert!(!is_refused, "{name}: {written}");
                let table: toml::Table = written.parse().unwrap();
                assert_eq!(table["dialect"].as_str(), Some("statsd"), "{name}");
                taken += 1;
            }
            Err(errors) => {
                assert!(is_refused, "{name}: {errors}");
                let (_, why) = REFUSED.iter().find(|(refused, _)| *refused == name).unwrap();
                let expected = format!("config.json: line 1: {why}");
                assert!(errors.lines()[0].starts_with(&expected), "{name}: {errors}");
                refused += 1;
            }
        }
    }
    assert_eq!((taken, refused), (150, 6));
}
