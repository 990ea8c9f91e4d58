//! Tests of the keys of the dialects.

use super::*;
use crate::config::file::FileNamespace;

/// A value for every key of the statsd dialect, none of them the default.
pub(in crate::config) fn statsd_file() -> File {
    File {
        dialect: text("statsd"),
        percent: Some(Numbers(vec![90.0, 99.9, -10.0])),
        timer_statistics: Some(["count", "upper_percent"].map(str::to_owned).to_vec()),
        flush_counts: Some(false),
        sanitize_names: Some(false),
        namespace: Some(FileNamespace {
            legacy: Some(false),
            internal: text("my.${HOSTNAME}"),
            global: text(""),
            counter: text("C"),
            timer: text("T"),
            gauge: text("G"),
            set: text("S"),
            suffix: text("$${x}"),
        }),
        idle: FileIdle {
            counters: text("delete"),
            timers: text("delete"),
            sets: text("delete"),
            gauges: text("delete"),
            gauge_ttl: Some(0.5),
            ..FileIdle::default()
        },
        ..File::default()
    }
}

/// A value for every key of the dogstatsd dialect, none of them the default.
pub(in crate::config) fn dogstatsd_file() -> File {
    File {
        dialect: text("dogstatsd"),
        percent: Some(Numbers(vec![])),
        distribution_percent: Some(Numbers(vec![99.9])),
        timer_statistics: Some(vec![]),
        counts: text("rate"),
        ..File::default()
    }
}

fn of(file: &File) -> Config {
    Config::new(file, &Flags::default(), &environment()).unwrap()
}

/// Everything vanishes with its interval.
fn no_ttls() -> Idle {
    let gone = IdleSeries::Deleted;
    Idle {
        counters: gone,
        timers: gone,
        sets: gone,
        gauges: gone,
        counter_ttl: 0.0,
        timer_ttl: 0.0,
        set_ttl: 0.0,
        gauge_ttl: 0.0,
    }
}

#[test]
fn each_dialect_has_defaults_of_its_own() {
    let statsd = of_file("dialect = \"statsd\"");
    assert_eq!(statsd.statistics.percents, [90.0]);
    assert_eq!(statsd.statistics.words.len(), 16);
    assert_eq!((statsd.namespace, statsd.sanitize_names), (Namespace::default(), true));
    let kept = IdleSeries::Kept;
    let idle = Idle { counters: kept, timers: kept, sets: kept, gauges: kept, ..no_ttls() };
    assert_eq!(statsd.idle, idle);

    let dogstatsd = of_file("dialect = \"dogstatsd\"");
    assert_eq!(dogstatsd.statistics.percents, [95.0]);
    assert_eq!(dogstatsd.statistics.words.join(" "), "count avg median max percentile histogram");
    assert_eq!(dogstatsd.counts, CounterValue::Sum);
    let idle = Idle { gauges: kept, gauge_ttl: 300.0, ..no_ttls() };
    assert_eq!(dogstatsd.idle, idle);
}

#[test]
fn every_key_of_a_dialect_takes_effect() {
    let statsd = of(&statsd_file());
    assert_eq!(statsd.statistics.percents, [90.0, 99.9, -10.0]);
    assert_eq!(statsd.statistics.words, ["count", "upper_percent"]);
    assert!(!statsd.sanitize_names);
    let [global, counter, timer, gauge, set, suffix] =
        ["", "C", "T", "G", "S", "${x}"].map(str::to_owned);
    let (legacy, internal, flush_counts) = (false, "my.web1".to_owned(), false);
    let namespace =
        Namespace { legacy, internal, global, counter, timer, gauge, set, suffix, flush_counts };
    assert_eq!(statsd.namespace, namespace);
    let idle = Idle { gauge_ttl: 0.5, ..no_ttls() };
    assert_eq!(statsd.idle, idle);

    let dogstatsd = of(&dogstatsd_file());
    assert_eq!(dogstatsd.counts, CounterValue::Rate);
    let nothing = Statistics { percents: vec![], distribution_percents: vec![99.9], words: vec![] };
    assert_eq!(dogstatsd.statistics, nothing);
}

#[test]
fn one_percentile_and_a_list_of_one_are_the_same() {
    for text in ["percent = 75", "percent = 75.0", "percent = [75]"] {
        assert_eq!(of_file(text).statistics.percents, [75.0]);
        let statsd = format!("dialect = \"statsd\"\n{text}");
        assert_eq!(of_file(&statsd).statistics.percents, [75.0]);
    }
    let flags = Flags { percent: text("50, -99.9"), ..Flags::default() };
    let statsd = config("dialect = \"statsd\"\npercent = 1", &flags).unwrap();
    assert_eq!(statsd.statistics.percents, [50.0, -99.9]);
    let errors = config("", &flags).unwrap_err();
    assert_eq!(
        errors,
        ["-p: -99.9 is not in (0, 100]", "-p: the gstatsd dialect has one percentile"]
    );
    let error = File::parse("percent = \"x\"", "a.toml").unwrap_err();
    let expected = "a.toml: line 1: percent: invalid type: string \"x\", expected a number or a \
                    list of numbers";
    assert_eq!(error.lines(), [expected]);
}

#[test]
fn every_error_of_a_dialect_is_told_with_its_line_and_its_key() {
    let errors = errors_of_file(
        "dialect = \"statsd\"\npercent = [0, 100.5, -101, nan]\n\
         timer_statistics = [\"count\", \"avg\"]\n\
         counts = \"sum\"\ndistribution_percent = 50\n[namespace]\ninternal = \"\"\n\
         global = \"a b\"\nsuffix = \"${NONE}\"\ncounter = \"a;b\"\n[idle]\ncounters = \"repeat\"\n\
         gauges = \"zero\"\ngauge_ttl = -1\n[frequent_keys]\ninterval = -1\npercent = 0\n",
    );
    let words = "count_percent, mean_percent, upper_percent, lower_percent, sum_percent, \
                 sum_squares_percent, std, upper, lower, count, count_ps, sum, sum_squares, mean, \
                 median, histogram";
    let blanks = "text without blanks, ; and control characters";
    let expected = [
        "line 2: percent: 0 is not between -100 and 100, without 0",
        "line 2: percent: 100.5 is not between -100 and 100, without 0",
        "line 2: percent: -101 is not between -100 and 100, without 0",
        "line 2: percent: NaN is not between -100 and 100, without 0",
        &format!("line 3: timer_statistics: 'avg' is none of {words}"),
        "line 4: counts: is for the dogstatsd dialect alone",
        "line 5: distribution_percent: is for the dogstatsd dialect alone",
        "line 7: namespace.internal: internal metrics need a name",
        &format!("line 8: namespace.global: \"a b\" is not {blanks}"),
        "line 9: namespace.suffix: variable NONE is not set",
        &format!("line 10: namespace.counter: \"a;b\" is not {blanks}"),
        "line 12: idle.counters: 'repeat' is not \"zero\" or \"delete\"",
        "line 13: idle.gauges: 'zero' is not \"repeat\" or \"delete\"",
        "line 14: idle.gauge_ttl: -1 is not between 0 and 1000000000 seconds",
        "line 16: frequent_keys.interval: -1 is not between 0 and 1000000000 seconds",
        "line 17: frequent_keys.percent: 0 is not in (0, 100] percent",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for line in expected {
        assert!(errors.contains(&format!("a.toml: {line}")), "{line} is not in {errors:#?}");
    }
}

#[test]
fn a_key_of_one_dialect_is_an_error_in_the_others() {
    for dialect in ["gstatsd", "dogstatsd"] {
        let errors = errors_of_file(&format!(
            "dialect = \"{dialect}\"\nflush_counts = true\nsanitize_names = true\n[namespace]\n"
        ));
        let expected = ["line 2: flush_counts", "line 4: namespace", "line 3: sanitize_names"];
        let expected =
            expected.map(|key| format!("a.toml: {key}: is for the statsd dialect alone"));
        assert_eq!(errors, expected);
    }
    let errors = errors_of_file("dialect = \"dogstatsd\"\npercent = -10\ndistribution_percent = 0");
    let expected = ["line 2: percent: -10", "line 3: distribution_percent: 0"];
    assert_eq!(errors, expected.map(|line| format!("a.toml: {line} is not in (0, 100]")));
}
