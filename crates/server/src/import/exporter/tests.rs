//! Tests of what becomes of the keys of a mapping.

use crate::import::configuration;

/// The rules of a mapping; `mappings` is what stands below that key.
fn rules(defaults: &str, mappings: &str) -> Vec<toml::Table> {
    let text = format!("defaults: {{{defaults}}}\nmappings:\n{mappings}\n");
    let written = configuration("a.yml", &text).unwrap_or_else(|errors| panic!("{text}{errors}"));
    let file: toml::Table = written.parse().unwrap();
    let rules = file.get("rule").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    rules.into_iter().map(|rule| rule.as_table().unwrap().clone()).collect()
}

/// What a key of the first rule is.
fn first(defaults: &str, mappings: &str, key: &str) -> String {
    rules(defaults, mappings)[0].get(key).map(ToString::to_string).unwrap_or_default()
}

/// The first error of a mapping.
fn error(mapping: &str) -> String {
    let text = format!("mappings:\n- {mapping}\n");
    let errors = configuration("a.yml", &text).expect_err(mapping);
    errors.lines()[0].clone()
}

#[test]
fn the_first_that_matches_is_a_glob_before_a_regular_expression() {
    let mappings = "- {match: '^a[.]x', match_type: regex, name: lost}\n\
                    - {match: a, match_type: regex, name: regex}\n\
                    - {match: 'a.*.b', name: one}\n\
                    - {match: 'a.*.*', name: two}\n\
                    - {match: 'a.b.*', name: three}";
    let names = |defaults: &str| -> Vec<String> {
        let rules = rules(defaults, mappings).into_iter();
        rules.map(|rule| rule["rename"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(""), ["one", "two", "three", "regex"]);
    assert_eq!(names("glob_disable_ordering: true"), ["three", "one", "two", "regex"]);
}

#[test]
fn the_defaults_hold_for_mappings_that_say_nothing_and_for_names_without_one() {
    let mapping = "- {match: a.b, name: x}";
    assert_eq!(rules("", mapping).len(), 1);
    assert_eq!(first("ttl: 1m", mapping, "ttl"), "60");
    assert_eq!(first("observer_type: histogram", mapping, "buckets").split(", ").count(), 12);
    assert_eq!(
        first("timer_type: histogram, buckets: [0.3]", mapping, "buckets"),
        "[300, \"inf\"]"
    );
    assert_eq!(first("match_type: regex", "- {match: b, name: x}", "contains"), "\"b\"");
    for defaults in ["ttl: 1m", "observer_type: histogram"] {
        let last = rules(defaults, mapping).pop().unwrap();
        assert_eq!(last["match"].as_str(), Some("**"));
        assert_eq!(last.contains_key("ttl"), defaults.starts_with("ttl"));
        assert_eq!(last.contains_key("buckets"), !defaults.starts_with("ttl"));
    }
}

#[test]
fn a_mapping_overrides_the_defaults() {
    let defaults = "observer_type: histogram, buckets: [1], quantiles: [{quantile: 0.3}], ttl: 1m";
    for (mapping, key, expected) in [
        ("ttl: 0", "ttl", "60"),
        ("ttl: 1h", "ttl", "3600"),
        ("observer_type: summary", "buckets", ""),
        ("observer_type: summary", "percent", ""),
        ("timer_type: summary, quantiles: [{quantile: 0.29}]", "percent", "[29]"),
        ("histogram_options: {buckets: [2, +.inf]}, buckets: [3]", "buckets", "[2000, \"inf\"]"),
        ("buckets: [3]", "buckets", "[3000, \"inf\"]"),
        ("match_metric_type: gauge", "buckets", ""),
        ("match_metric_type: observer", "buckets", "[1000, \"inf\"]"),
        ("match_metric_type: timer", "kinds", "[\"timer\"]"),
        ("action: drop", "drop", "true"),
        ("action: drop", "rename", ""),
        ("observer_type: summary, quantiles: [{quantile: 0}, {quantile: 1}]", "percent", "[100]"),
    ] {
        let mapping_text = format!("- {{match: a.b, name: x, {mapping}}}");
        assert_eq!(first(defaults, &mapping_text, key), expected, "{mapping}");
    }
}

#[test]
fn without_quantiles_the_percentiles_are_those_of_the_exporter() {
    for (defaults, expected) in [
        ("", "percent = [50, 90, 99]\n"),
        ("summary_options: {quantiles: [{quantile: 0.42}]}", "percent = [42]\n"),
    ] {
        let written = configuration("a.yml", &format!("defaults: {{{defaults}}}")).unwrap();
        assert!(written.contains(expected), "{written}");
    }
}

#[test]
fn what_the_exporter_refuses_is_told_with_its_line() {
    for (mapping, expected) in [
        ("{name: x}", "mappings.match: is missing"),
        ("{match: a.b}", "mappings.name: is missing"),
        ("x", "mappings: 'x' is no mapping"),
        ("{match: 'a*.b', name: x}", "mappings.match: 'a*.b': '*' has to be the whole part"),
        ("{match: a.b, name: x, match_type: re}", "mappings.match_type: 're' is neither"),
        ("{match: a.b, name: x, match_metric_type: set}", "mappings.match_metric_type: 'set' is"),
        ("{match: a.b, name: x, action: keep}", "mappings.action: 'keep' is neither"),
        ("{match: a.b, name: x, ttl: 5x}", "mappings.ttl: '5x' is no time"),
        ("{match: a.b, name: x, ttl: -5s}", "mappings.ttl: '-5s' is no time"),
        ("{match: a.b, name: x, observer_type: wrong}", "mappings.observer_type: 'wrong' is"),
        ("{match: a.b, name: x, buckets: [x]}", "buckets: 'x' is not a number"),
        ("{match: a.b, name: x, buckets: [2, 1]}", "buckets: the bounds do not rise"),
        ("{match: a.b, name: x, quantiles: [0.5]}", "quantiles: '0.5' has no quantile"),
        ("{match: a.b, name: x, quantiles: [{error: 1}]}", "quantiles.quantile: is missing"),
        ("{match: a.b, name: x, quantiles: [{quantile: 2}]}", "quantiles.quantile: '2' is not in"),
    ] {
        let error = error(mapping);
        assert!(error.starts_with(&format!("a.yml: line 2: {expected}")), "{error}");
    }
    let errors = configuration("a.yml", "mappings: 5").unwrap_err();
    assert_eq!(errors.lines(), ["a.yml: line 1: mappings: '5' is no list"]);
}

#[test]
fn a_mapping_in_json_is_one_in_yaml() {
    let json = r#"{"defaults": {"glob_disable_ordering": true, "ttl": 2000000000},
                   "mappings": [{"match": "a.*", "name": "x", "labels": {"code": 200}}]}"#;
    let written = configuration("a.json", json).unwrap();
    assert_eq!(written, configuration("a.json", json).unwrap());
    assert!(written.contains("tags = { code = \"200\" }\nttl = 2\n"), "{written}");
}
