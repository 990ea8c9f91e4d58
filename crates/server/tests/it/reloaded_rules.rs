//! Rules that change while traffic flows: each sample counts once, and where the rules of its time
//! say.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{env, thread};

use fastrand::Rng;

use crate::support::{Daemon, GraphiteLine, SpyGraphite, accounting, assert_books_close, sum};

/// How many rounds there are, where it shall be another number.
const ROUNDS_VARIABLE: &str = "GSTATSD_RELOAD_ROUNDS";
/// How many rounds there are.
const ROUNDS: usize = 12;
const DIALECT: &str = "dialect = \"statsd\"\n";

/// What a rule does.
#[derive(Clone)]
enum Does {
    Nothing,
    Drops,
    Renames(&'static str),
}

/// Rules, as a slow and obvious way applies them.
#[derive(Clone)]
struct RuleSet(Vec<(&'static str, Does)>);

impl RuleSet {
    fn random(random: &mut Rng) -> Self {
        let rule = |random: &mut Rng| match random.usize(..5) {
            0 => (choose(random, &["c.**", "ms.a.*", "s.*.b", "g.**a*"]), Does::Drops),
            1 => (choose(random, &["*.**", "**b", "*.a.*", "nobody"]), Does::Nothing),
            2 => (choose(random, &["*.*.*", "*.ca.**"]), Does::Renames("$1.new.$2")),
            3 => (choose(random, &["*.c.**a*", "*.**", "*.a.**"]), Does::Renames("$1.one")),
            _ => (choose(random, &["*.*.b", "*.**"]), Does::Renames("$1.$0")),
        };
        Self((0..random.usize(1..5)).map(|_| rule(random)).collect())
    }

    fn text(&self) -> String {
        let rule = |(pattern, does): &(&'static str, Does)| {
            let does = match does {
                Does::Nothing => "percent = 50".to_owned(),
                Does::Drops => "drop = true".to_owned(),
                Does::Renames(name) => format!("rename = \"{name}\""),
            };
            format!("[[rule]]\nmatch = \"{pattern}\"\n{does}\n")
        };
        self.0.iter().map(rule).collect()
    }

    /// The name that a series has instead; none when it is dropped.
    fn apply(&self, name: &str) -> Option<String> {
        let matching =
            |(pattern, does): &(&'static str, Does)| Some((captures(pattern, name)?, does.clone()));
        match self.0.iter().find_map(matching) {
            None | Some((_, Does::Nothing)) => Some(name.to_owned()),
            Some((_, Does::Drops)) => None,
            Some((captures, Does::Renames(text))) => {
                let mut text = text.replace("$0", name);
                for (index, capture) in captures.iter().enumerate() {
                    text = text.replace(&format!("${}", index + 1), capture);
                }
                Some(text)
            }
        }
    }
}

fn choose(random: &mut Rng, patterns: &[&'static str]) -> &'static str {
    patterns[random.usize(..patterns.len())]
}

/// What the wildcards of a pattern stand for, each as little as it can, where it matches.
fn captures<'n>(pattern: &str, name: &'n str) -> Option<Vec<&'n str>> {
    let Some(wildcard) = pattern.find('*') else {
        return (pattern == name).then(Vec::new);
    };
    let (before, rest) = pattern.split_at(wildcard);
    let name = name.strip_prefix(before)?;
    let crosses = rest.starts_with("**");
    let rest = &rest[if crosses { 2 } else { 1 }..];
    (0..=name.len()).take_while(|&end| crosses || !name[..end].contains('.')).find_map(|end| {
        let mut all = vec![&name[..end]];
        all.extend(captures(rest, &name[end..])?);
        Some(all)
    })
}

/// What is to come out: of each name of each kind.
#[derive(Default)]
struct Expected {
    counters: BTreeMap<String, f64>,
    timers: BTreeMap<String, f64>,
    sets: BTreeMap<String, f64>,
    gauges: BTreeMap<String, f64>,
    /// Sums of counters whose rules change while they are sent.
    under_way: f64,
    samples: i128,
    dropped: i128,
}

impl Expected {
    /// Packets with samples of all kinds; `rules` are none where they are just changing.
    fn packets(&mut self, random: &mut Rng, rules: Option<&RuleSet>) -> Vec<String> {
        let mut packet = |_| {
            let lines: Vec<_> = (0..10).map(|_| self.line(random, rules)).collect();
            lines.join("\n")
        };
        (0..30).map(&mut packet).collect()
    }

    fn line(&mut self, random: &mut Rng, rules: Option<&RuleSet>) -> String {
        self.samples += 1;
        let parts = ["a", "b", "c", "ca", "x.y"];
        let mut part = || parts[random.usize(..parts.len())];
        let rest = format!("{}.{}", part(), part());
        let value = f64::from(random.u32(1..1000));
        let Some(rules) = rules else {
            self.under_way += value;
            return format!("w.{rest}:{value}|c");
        };
        let (kind, map, counts) = match random.usize(..4) {
            0 => ("c", &mut self.counters, value),
            1 => ("ms", &mut self.timers, 1.0),
            2 => ("s", &mut self.sets, 1.0),
            _ => ("g", &mut self.gauges, value),
        };
        let name = format!("{kind}.{rest}");
        match rules.apply(&name) {
            None => self.dropped += 1,
            Some(name) if kind == "g" => {
                map.insert(name, value);
            }
            Some(name) => *map.entry(name).or_default() += counts,
        }
        // Members are sent once.
        let value = if kind == "s" { self.samples.to_string() } else { value.to_string() };
        format!("{name}:{value}|{kind}")
    }

    fn check(&self, lines: &[GraphiteLine]) {
        for (map, before, after) in [
            (&self.counters, "stats_counts.", ""),
            (&self.timers, "stats.timers.", ".count"),
            (&self.sets, "stats.sets.", ".count"),
        ] {
            for (name, expected) in map {
                let name = format!("{before}{name}{after}");
                assert_eq!(sum(lines, &name), *expected, "{name}");
            }
        }
        let totals = lines.iter().filter(|line| line.name.starts_with("stats_counts.w."));
        let total: f64 = totals.map(|line| line.value.parse::<f64>().unwrap()).sum();
        assert_eq!(total, self.under_way);
        let named = lines.iter().filter(|line| line.name.starts_with("stats_counts.c."));
        let total: f64 = named.map(|line| line.value.parse::<f64>().unwrap()).sum();
        assert_eq!(total, self.counters.values().sum::<f64>());
        for (name, expected) in &self.gauges {
            let name = format!("stats.gauges.{name}");
            let last = lines.iter().rfind(|line| line.name == name).unwrap();
            assert_eq!(last.value.parse::<f64>().unwrap(), *expected, "{name}");
        }
    }
}

#[test]
fn property_test_a_reload_in_the_middle_changes_no_count() {
    let rounds = env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |count| count.parse().unwrap());
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let spy = SpyGraphite::start();
    let sink = spy.sink();
    let flags = ["-b", "127.0.0.1:0", "-s", &sink, "-f", "0.1", "--workers", "2"];
    let daemon = Daemon::configured(DIALECT, &flags);
    let (mut expected, mut reloads) = (Expected::default(), 0);
    for round in 0..rounds {
        // The rules change while these come, and several signals may be one reload.
        for _ in 0..random.usize(1..4) {
            reload(&daemon, &RuleSet::random(&mut random), &mut reloads);
            daemon.send(&expected.packets(&mut random, None));
            thread::sleep(Duration::from_millis(random.u64(..20)));
        }
        // These come when the rules have changed, and before they change again. The second flush
        // under a name has parts of workers that have been told.
        let rules = RuleSet::random(&mut random);
        let own = reload(&daemon, &rules, &mut reloads);
        wait_for(&spy, &format!("{own}.flushes"), 2);
        let mut packets = expected.packets(&mut random, Some(&rules));
        packets.push(format!("marker{round}:1|c"));
        expected.samples += 1;
        daemon.send(&packets);
        wait_for(&spy, &format!("stats_counts.marker{round}"), 1);
    }
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["samples.received"], expected.samples);
    assert_eq!(books["samples.dropped.rule"], expected.dropped);
    expected.check(&spy.all_lines(&log));
}

/// Reloads these rules; gives the name that our own metrics have from then on.
fn reload(daemon: &Daemon, rules: &RuleSet, reloads: &mut usize) -> String {
    *reloads += 1;
    let own = format!("own{reloads}");
    daemon.reload(&format!("{DIALECT}own_metrics = \"{own}\"\n{}", rules.text()));
    own
}

fn wait_for(spy: &SpyGraphite, name: &str, count: usize) {
    spy.wait_until(name, |lines| {
        (lines.iter().filter(|line| line.name == name).count() >= count).then_some(())
    });
}
