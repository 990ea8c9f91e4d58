//! The recorded calls of gstatsd 0.6's client, made of this one.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gstatsd_client::{Builder, Counter, Gauge, Number, Rounding, Spy, StatsClient, Timer};
use serde_json::Value;

/// The calls that no Rust program can make: their arguments have other types.
const NO_RUST: [&str; 6] = [
    "c.counter('foo','3')",
    "c.timer(['a','b'],1)",
    "c.gauge('foo','x')",
    "cli.get_gauge('g',0.5)",
    "cli.get_timer('t',0.5)",
    "c.counter('foo',10**20)",
];

/// A client with a clock and chances of the test's.
struct Bench {
    client: StatsClient,
    spy: Spy,
    time: Arc<Mutex<Duration>>,
    counter: Option<Counter>,
    gauge: Option<Gauge>,
    timer: Option<Timer>,
    warnings: usize,
}

impl Bench {
    fn new(random: f64) -> Self {
        let (spy, time) = (Spy::new(), Arc::new(Mutex::new(Duration::from_secs(1_000))));
        let seen = Arc::clone(&time);
        let client = Builder::to_sink(spy.clone())
            .direct()
            .rounding(Rounding::Gstatsd)
            .random(move || random)
            .clock(move || *seen.lock().unwrap())
            .build();
        Self { client, spy, time, counter: None, gauge: None, timer: None, warnings: 0 }
    }

    /// Does one statement: an assignment, or a call such as `c.counter('foo',5)`.
    fn run(&mut self, statement: &str) {
        let statement = statement.trim();
        if statement.starts_with("from ") {
            return;
        }
        let call = statement.split_once('=').map_or(statement, |(_, call)| call);
        if let Some(rest) = call.strip_prefix("StatsGauge(c,") {
            let (arguments, then) = rest.split_once(").").unwrap();
            let arguments = list(arguments);
            let rate = arguments[1].parse().unwrap();
            self.gauge = Some(self.client.get_gauge(text(&arguments[0])).with_rate(rate));
            return self.run(&format!("g.{then}"));
        }
        let (callee, arguments) = call.strip_suffix(')').unwrap().split_once('(').unwrap();
        let arguments = list(arguments);
        let number =
            |index: usize, default: f64| arguments.get(index).map_or(default, |text| number(text));
        match callee {
            "adv" => {
                let mut time = self.time.lock().unwrap();
                let seconds = number(0, 0.0);
                let step = Duration::from_secs_f64(seconds.abs());
                *time = if seconds < 0.0 { *time - step } else { *time + step };
            }
            "c.increment" => self.client.rate(number(1, 1.0)).increment(text(&arguments[0])),
            "c.decrement" => self.client.rate(number(1, 1.0)).decrement(text(&arguments[0])),
            "c.counter" => {
                for key in keys(&arguments[0]) {
                    self.client.rate(number(2, 1.0)).counter(key, number(1, 1.0));
                }
            }
            "c.timer" => {
                self.client.rate(number(2, 1.0)).timer(text(&arguments[0]), number(1, 0.0));
            }
            "c.gauge" => {
                self.client.rate(number(2, 1.0)).gauge(text(&arguments[0]), number(1, 0.0));
            }
            "cli.get_counter" => {
                let counter = self.client.get_counter(text(&arguments[0]));
                self.counter = Some(counter.with_rate(number(1, 1.0)));
            }
            "cli.get_gauge" => self.gauge = Some(self.client.get_gauge(text(&arguments[0]))),
            "cli.get_timer" => self.timer = Some(self.client.get_timer(text(&arguments[0]))),
            "k.increment" => self.counter.as_ref().unwrap().increment(),
            "k.decrement" => self.counter.as_ref().unwrap().decrement(),
            "k.add" => self.counter.as_ref().unwrap().add(number(0, 0.0)),
            "g.set" => self.gauge.as_ref().unwrap().set(number(0, 0.0)),
            "t.start" => self.timer.as_mut().unwrap().start(),
            "t.stop" => {
                self.warnings += usize::from(self.timer.as_mut().unwrap().stop().is_none());
            }
            _ => panic!("no such call: {callee}"),
        }
    }
}

/// The arguments of a call, apart.
fn list(arguments: &str) -> Vec<String> {
    let (mut depth, mut list) = (0, vec![String::new()]);
    for c in arguments.chars() {
        depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
        match c {
            ',' if depth == 0 => list.push(String::new()),
            _ => list.last_mut().unwrap().push(c),
        }
    }
    list.retain(|argument| !argument.is_empty());
    list
}

fn text(argument: &str) -> &str {
    argument.trim_start_matches('u').trim_matches('\'')
}

fn keys(argument: &str) -> Vec<&str> {
    let inner = argument.trim_matches(['[', ']', '(', ')']);
    inner.split(',').map(text).filter(|key| !key.is_empty() || argument == "''").collect()
}

fn number(argument: &str) -> f64 {
    match argument.split_once('/') {
        Some((over, under)) => number(over) / number(under),
        None => argument.parse().unwrap(),
    }
}

fn sent(case: &Value) -> (Vec<String>, usize) {
    let mut bench = Bench::new(case["random"].as_f64().unwrap());
    for statement in case["call"].as_str().unwrap().split(';') {
        bench.run(statement);
    }
    (bench.spy.take(), bench.warnings)
}

#[test]
fn recorded_calls_send_what_the_original_sent() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../testdata/gstatsd.json")).unwrap();
    let (mut equal, mut different) = (0, 0);
    for case in vectors["client"].as_array().unwrap() {
        let call = case["call"].as_str().unwrap();
        if NO_RUST.contains(&call) {
            continue;
        }
        let expected: Vec<_> =
            case["sent"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let (lines, warnings) = sent(case);
        let warned = case["exception"].as_str().is_some_and(|text| text.contains("UserWarning"));
        assert_eq!(warnings, usize::from(warned), "{call}");
        match case["differs"].as_str() {
            None => {
                assert_eq!(lines, expected, "{call}");
                equal += 1;
            }
            Some(differs) => {
                assert_eq!(lines, ours(differs), "{call}");
                different += 1;
            }
        }
    }
    assert_eq!((equal, different), (47, 8));
}

/// What is sent instead, by the words of `differs`.
fn ours(differs: &str) -> &'static [&'static str] {
    match differs {
        "the rate as Python 3 prints it: 0.3333333333333333" => &["foo:1|c|@0.3333333333333333"],
        "one line whose name is escaped: nothing can be forged" => &["a%3Ab%7Cc:1|c"],
        "a monotonic clock: never negative" => &["t:0|ms"],
        "ValueError: not finite" | "nothing is sent: counted as an error of the client" => &[],
        _ => panic!("not known: {differs}"),
    }
}

#[test]
fn a_whole_number_of_any_size_is_printed_in_full() {
    let bench = Bench::new(0.0);
    let digits = "100000000000000000000";
    bench.client.counter("foo", Number::from_digits(digits).unwrap());
    assert_eq!(bench.spy.take(), ["foo:100000000000000000000|c"]);
}
