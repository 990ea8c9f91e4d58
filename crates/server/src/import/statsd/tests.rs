//! Tests of what the original makes of the values of its keys.

use crate::import::configuration;

/// The lines of the file that an object becomes, without the first, and without the listener and
/// the sink that every one has. `config` is what stands between the braces.
fn lines(config: &str) -> Vec<String> {
    let text = format!("{{ graphiteHost: 'g', {config} }}");
    let written =
        configuration("a.js", &text).unwrap_or_else(|errors| panic!("{config}: {errors}"));
    assert!(written.parse::<toml::Table>().is_ok(), "{written}");
    let usual = ["dialect = \"statsd\"", "[[listen]]", "[[sink]]", "url = \"graphite://g:2003\""];
    let lines = written.lines().skip(1).filter(|line| !line.is_empty() && !usual.contains(line));
    lines.filter(|line| *line != "address = \"udp://0.0.0.0:8125\"").map(str::to_owned).collect()
}

/// The first error of an object.
fn error(config: &str) -> String {
    let text = format!("{{ graphiteHost: 'g',\n{config} }}");
    let errors = configuration("a.js", &text).expect_err(config);
    errors.lines()[0].clone()
}

#[test]
fn an_empty_configuration_is_the_dialect_with_its_listener() {
    assert_eq!(lines(""), [""; 0]);
    assert_eq!(
        configuration("a.js", "{}").unwrap(),
        "# Imported from a.js.\ndialect = \"statsd\"\n\n[[listen]]\naddress = \
         \"udp://0.0.0.0:8125\"\n\n# Without a counterpart:\n# graphiteHost is not set: the \
         original calculates and sends nothing. Without a sink, each flush\n# is shown on \
         standard output.\n"
    );
}

#[test]
fn the_management_port_is_for_this_machine_unless_the_original_names_an_address() {
    let management = |config: &str| lines(config).split_off(1);
    let local = ["address = \"tcp://localhost:8126\"", "allow_deletions = true"];
    let written = management("healthStatus: 'down'");
    assert!(written[0].starts_with("# mgmt_address is not set: "), "{written:?}");
    assert_eq!(written[2..], [local[0], local[1], "health = \"down\""]);
    assert_eq!(management("mgmt_port: 0")[2..], local);
    for (address, written) in [("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")] {
        let config = format!("mgmt_address: '{address}', mgmt_port: 9000");
        let address = format!("address = \"tcp://{written}:9000\"");
        assert_eq!(management(&config), [&address, local[1]]);
    }
    let everybody = management("mgmt_address: '0.0.0.0'");
    assert_eq!(everybody[0], "address = \"tcp://0.0.0.0:8126\"");
    assert_eq!(everybody.last().unwrap(), "allow = [\"0.0.0.0/0\", \"::/0\"]");
    let wrong = "a.js: line 2: healthStatus: 'UP' is neither up nor down";
    assert_eq!(error("healthStatus: 'UP'"), wrong);
}

#[test]
fn numbers_are_what_the_original_makes_of_them() {
    for (config, expected) in [
        ("flushInterval: 5000", &["flush_interval = 5"][..]),
        ("flushInterval: '2500'", &["flush_interval = 2.5"]),
        (
            "flushInterval: 0",
            &["# flushInterval 0 (line 1) counts as not set.", "flush_interval = 10"],
        ),
        ("percentThreshold: 100", &["percent = 100"]),
        ("percentThreshold: -99.9", &["percent = -99.9"]),
        ("percentThreshold: '75'", &["percent = 75"]),
        ("percentThreshold: []", &["percent = []"]),
        ("percentThreshold: [50]", &["percent = [50]"]),
        (
            "percentThreshold: 0",
            &["# percentThreshold 0 (line 1) counts as not set: 90.", "percent = 90"],
        ),
        (
            "percentThreshold: null",
            &["# percentThreshold null (line 1) counts as not set: 90.", "percent = 90"],
        ),
        (
            "percentThreshold: ['99.90']",
            &[
                "# percentThreshold '99.90' (line 1): metrics are named after 99.9 here.",
                "percent = [99.9]",
            ],
        ),
        (
            "keyFlush: { interval: '1500', percent: 0 }",
            &[
                "[frequent_keys]",
                "interval = 1.5",
                "# keyFlush.percent 0 (line 1) counts as not set.",
            ],
        ),
    ] {
        assert_eq!(lines(config), expected, "{config}");
    }
    for (config, expected) in [
        ("flushInterval: 'x'", "flushInterval: 'x' is not a number"),
        ("flushInterval: -5", "flushInterval: is no time between flushes"),
        ("flushInterval: 1 / 0", "flushInterval: is no time between flushes"),
        (
            "flushInterval: process.env.X",
            "flushInterval: a number cannot come from the environment: type it",
        ),
        ("percentThreshold: true", "percentThreshold: true is not between -100 and 100, without 0"),
        ("percentThreshold: [90, 100.5]", "percentThreshold: 100.5 is not between -100 and 100"),
        ("percentThreshold: 'x'", "percentThreshold: 'x' is not between -100 and 100"),
        ("keyFlush: { interval: 'x' }", "keyFlush.interval: 'x' is not a number"),
        ("port: 65536", "port: 65536 is not a port"),
        ("port: 'x'", "port: 'x' is not a port"),
        ("graphitePort: 1.5", "graphitePort: 1.5 is not a port"),
    ] {
        let error = error(config);
        assert!(error.starts_with(&format!("a.js: line 2: {expected}")), "{error}");
    }
}

#[test]
fn switches_are_true_where_the_original_takes_them_so() {
    for (config, expected) in [
        ("flush_counts: 0", &["flush_counts = false"][..]),
        ("flush_counts: 'no'", &["flush_counts = true"]),
        ("flush_counts: undefined", &[]),
        ("keyNameSanitize: null", &["sanitize_names = false"]),
        ("debug: 1", &["[log]", "level = \"debug\""]),
        ("debug: true, dumpMessages: true", &["[log]", "level = \"trace\""]),
        ("debug: false", &[]),
        (
            "log: { backend: 'stdout' }",
            &["[log]", "# The log goes to standard error.", "target = \"stderr\""],
        ),
        ("graphite: { legacyNamespace: true }", &["[namespace]", "legacy = true"]),
    ] {
        assert_eq!(lines(config), expected, "{config}");
    }
    for (config, expected) in [
        ("graphite: { legacyNamespace: null }", "null is neither true nor false"),
        ("flush_counts: process.env.X", "true or false cannot come from the environment"),
        ("log: { backend: 'file' }", "'file' is neither 'stdout' nor 'syslog'"),
    ] {
        assert!(error(config).contains(expected), "{}", error(config));
    }
}

#[test]
fn idle_series_fare_as_with_the_original() {
    for (config, expected) in [
        ("deleteIdleStats: false", &[][..]),
        (
            "deleteIdleStats: true",
            &[
                "[idle]",
                "counters = \"delete\"",
                "timers = \"delete\"",
                "sets = \"delete\"",
                "gauges = \"delete\"",
                "gauge_ttl = 10",
            ],
        ),
        (
            "deleteIdleStats: true, deleteGauges: false, deleteTimers: null",
            &[
                "[idle]",
                "counters = \"delete\"",
                "timers = \"zero\"",
                "sets = \"delete\"",
                "gauges = \"repeat\"",
            ],
        ),
        ("deleteCounters: true", &["[idle]", "counters = \"delete\""]),
        (
            "deleteGauges: true, gaugesMaxTTL: 3, flushInterval: 5000",
            &["flush_interval = 5", "[idle]", "gauges = \"delete\"", "gauge_ttl = 15"],
        ),
        (
            "deleteGauges: true, gaugesMaxTTL: 1",
            &["[idle]", "gauges = \"delete\"", "gauge_ttl = 10"],
        ),
        (
            "deleteGauges: true, gaugesMaxTTL: 0.5",
            &[
                "[idle]",
                "gauges = \"delete\"",
                "# gaugesMaxTTL 0.5 (line 1) is not a whole number above 1: 1 flush.",
                "gauge_ttl = 10",
            ],
        ),
        (
            "deleteGauges: true, gaugesMaxTTL: '3'",
            &[
                "[idle]",
                "gauges = \"delete\"",
                "# gaugesMaxTTL '3' (line 1) is not a whole number above 1: 1 flush.",
                "gauge_ttl = 10",
            ],
        ),
        (
            "gaugesMaxTTL: 3",
            &[
                "# Without a counterpart:",
                "# gaugesMaxTTL 3 (line 1): without deleteGauges it means nothing.",
            ],
        ),
    ] {
        assert_eq!(lines(config), expected, "{config}");
    }
}

#[test]
fn timer_metrics_are_chosen_as_with_the_original() {
    const KEY: &str = "calculatedTimerMetrics";
    for (metrics, expected) in [
        ("['count', 'upper_90', 'count']", "timer_statistics = [\"count\", \"upper_90\"]"),
        ("['upper_99_percent']", "timer_statistics = [\"upper_99_percent\"]"),
        ("['sum_squares_percent']", "timer_statistics = [\"sum_squares_percent\"]"),
        ("['mean_top99_9']", "timer_statistics = [\"mean_top99_9\"]"),
    ] {
        assert_eq!(lines(&format!("{KEY}: {metrics}")), [expected]);
    }
    for unknown in [
        "'Count'",
        "'std_90'",
        "'upper_'",
        "'upper_x'",
        "'upper_toppercent'",
        "'upper_9_9_9'",
        "'upper_9_'",
        "'sum_squares_'",
        "'count_ps_90'",
        "''",
        "5",
        "null",
        "['count']",
    ] {
        let comment = format!("# {KEY}: {unknown} (line 1) matches nothing.");
        let expected = [comment.as_str(), "timer_statistics = []"];
        assert_eq!(lines(&format!("{KEY}: [{unknown}]")), expected);
    }
    for nothing in ["[]", "'count'", "null", "{}"] {
        let comment = format!("# {KEY} {nothing} (line 1) chooses nothing: all.");
        assert_eq!(lines(&format!("{KEY}: {nothing}")), [comment]);
    }
}

#[test]
fn histograms_become_rules_in_their_order() {
    assert_eq!(
        lines("histogram: [ { metric: '', bins: ['5', 10.5, 'inf'] }, { metric: 5, bins: [] } ]"),
        [
            "[[rule]]",
            "contains = \"\"",
            "kinds = [\"timer\"]",
            "buckets = [5, 10.5, \"inf\"]",
            "[[rule]]",
            "contains = \"5\"",
            "kinds = [\"timer\"]",
            "buckets = []",
        ]
    );
    assert_eq!(
        lines("histogram: [ { bins: [1] } ]"),
        ["# Without a counterpart:", "# histogram (line 1) without a metric."]
    );
    assert_eq!(lines("histogram: null"), [""; 0]);
    for (histogram, expected) in [
        ("[ { metric: '', bins: [10, 5] } ]", "histogram.bins: the bins do not rise"),
        ("[ { metric: '', bins: [5, 5] } ]", "histogram.bins: the bins do not rise"),
        ("[ { metric: '', bins: ['inf', 5] } ]", "histogram.bins: the bins do not rise"),
        ("[ { metric: '', bins: ['x'] } ]", "histogram.bins: 'x' is not a number"),
        ("[ { metric: '' } ]", "histogram.bins: it is no list"),
        ("[ 'render' ]", "histogram: 'render' has no bins"),
    ] {
        assert_eq!(error(&format!("histogram: {histogram}")), format!("a.js: line 2: {expected}"));
    }
}

#[test]
fn names_are_put_together_as_with_the_original() {
    for (config, expected) in [
        (
            "graphite: { globalPrefix: 'x', globalSuffix: 'host1' }",
            &[
                "[namespace]",
                "# graphite.globalPrefix 'x' (line 1) counts in the new namespace alone.",
                "suffix = \"host1\"",
            ][..],
        ),
        (
            "graphite: { legacyNamespace: false, globalPrefix: '', prefixSet: 'a${b}' }",
            &["[namespace]", "legacy = false", "global = \"\"", "set = \"a$${b}\""],
        ),
        (
            "graphite: { globalSuffix: '' }",
            &[
                "[namespace]",
                "# graphite.globalSuffix '' (line 1): without one there is no dot either.",
                "suffix = \"\"",
            ],
        ),
        ("prefixStats: 7", &["[namespace]", "internal = \"7\""]),
        ("prefixStats: null", &["[namespace]", "internal = \"null\""]),
        ("graphite: false, prefixStats: undefined", &[]),
    ] {
        assert_eq!(lines(config), expected, "{config}");
    }
    assert!(error("prefixStats: ''").ends_with("prefixStats: internal metrics need a name"));
    assert!(error("prefixStats: []").contains("prefixStats: [] is not a text"));
    assert!(error("prefixStats: '$' + process.env.X").contains("a '$' before a variable"));
}

/// The value of a key of the first table of a kind.
fn of_table(config: &str, table: &str, key: &str) -> String {
    let written = configuration("a.js", config).unwrap_or_else(|errors| panic!("{errors}"));
    let file: toml::Table = written.parse().unwrap();
    let first = file.get(table).and_then(|tables| tables.get(0));
    first.map_or_else(|| format!("no {table}"), |first| first[key].as_str().unwrap().to_owned())
}

#[test]
fn a_server_listens_where_the_original_does() {
    for (config, expected) in [
        ("{}", "udp://0.0.0.0:8125"),
        ("{ port: 0 }", "udp://0.0.0.0:8125"),
        ("{ port: '8126', address: 'localhost' }", "udp://localhost:8126"),
        ("{ address_ipv6: true }", "udp://:8125"),
        ("{ address_ipv6: true, address: '::1' }", "udp://[::1]:8125"),
        ("{ port: process.env.PORT, address: process.env.IP }", "udp://${IP}:${PORT}"),
        ("{ server: './servers/udp.js' }", "udp://0.0.0.0:8125"),
        ("{ server: './servers/tcp' }", "tcp://:8125"),
        ("{ server: './servers/tcp', address: '10.0.0.1', port: 1 }", "tcp://10.0.0.1:1"),
        ("{ server: './servers/tcp', socket: '/run/s', port: 1 }", "unix:///run/s"),
        ("{ server: './servers/dtls' }", "no listen"),
        ("{ servers: [{ server: './servers/dtls' }, { port: 1 }], port: 2 }", "udp://0.0.0.0:1"),
        ("{ servers: null, port: 2 }", "udp://0.0.0.0:2"),
    ] {
        assert_eq!(of_table(config, "listen", "address"), expected, "{config}");
    }
    assert!(error("servers: 5").ends_with("servers: 5 is no list"));
    assert!(error("servers: ['udp']").ends_with("servers: 'udp' is no server"));
    assert!(error("servers: [{ port: -1 }]").ends_with("servers.port: -1 is not a port"));
}

#[test]
fn a_unix_socket_has_its_permissions() {
    for (mode, expected) in [("0755", "0755"), ("'660'", "0660"), ("0x1ff", "0777"), ("0", "0000")]
    {
        let config = format!("{{ server: 'tcp', socket: '/s', socket_mod: {mode} }}");
        assert_eq!(of_table(&config, "listen", "mode"), expected, "{mode}");
    }
    for mode in ["512", "'8'", "-1", "1.5", "'rw'"] {
        let error = error(&format!("server: 'tcp', socket: '/s', socket_mod: {mode}"));
        assert_eq!(error, format!("a.js: line 2: socket_mod: {mode} is no mode"));
    }
    let unused = lines("socket: '/s', socket_mod: 7");
    assert_eq!(unused[1], "# socket '/s' (line 1): this server has no such key.");
    assert_eq!(unused[2], "# socket_mod 7 (line 1): this server has no such key.");
}

#[test]
fn packets_are_repeated_where_the_original_repeats_them() {
    let backends = "backends: ['./backends/repeater']";
    for (config, expected) in [
        ("repeater: [{ host: 'r', port: 1 }]", "udp://r:1"),
        ("repeater: [{ host: '::1', port: '1' }], repeaterProtocol: 'udp6'", "udp://[::1]:1"),
        ("repeater: [{ host: 'r', port: 1 }], repeaterProtocol: 'tcp'", "tcp://r:1"),
        ("repeater: null", "no repeater"),
        ("", "no repeater"),
    ] {
        let config = format!("{{ {backends}, {config} }}");
        assert_eq!(of_table(&config, "repeater", "url"), expected, "{config}");
    }
    for (config, expected) in [
        ("repeater: 'r'", "repeater: 'r' is no list"),
        ("repeater: ['r']", "repeater: 'r' is no host"),
        ("repeater: [{ host: 'r' }]", "repeater.port: is missing"),
        ("repeater: [{ port: 1 }]", "repeater.host: is missing"),
        ("repeater: [{ host: 'r', port: 'x' }]", "repeater.port: 'x' is not a port"),
    ] {
        assert!(error(&format!("{backends}, {config}")).ends_with(expected), "{config}");
    }
    assert_eq!(
        lines("repeater: [{ host: 'r', port: 1 }]")[1],
        "# repeater [{host: 'r', port: 1}] (line 1): without the backend it means nothing."
    );
}

#[test]
fn metrics_go_where_the_original_sends_them() {
    for (config, expected) in [
        ("{ graphiteHost: 'g' }", "graphite://g:2003"),
        ("{ graphiteHost: '::1', graphitePort: '2013' }", "graphite://[::1]:2013"),
        ("{ graphiteHost: process.env.G, graphitePort: 0 }", "graphite://${G}:2003"),
        ("{ graphiteHost: '' }", "no sink"),
        ("{ graphiteHost: 'g', backends: [] }", "no sink"),
        ("{ graphiteHost: 'g', backends: null }", "graphite://g:2003"),
        ("{ backends: ['./backends/console'], graphiteHost: 'g' }", "console:"),
        (
            "{ graphiteHost: 'g', backends: ['/opt/statsd/backends/graphite.js'] }",
            "graphite://g:2003",
        ),
    ] {
        assert_eq!(of_table(config, "sink", "url"), expected, "{config}");
    }
    assert!(error("backends: './backends/graphite'").contains("is no list"));
    let unused = lines("backends: ['./backends/console']");
    assert!(
        unused.contains(
            &"# graphiteHost 'g' (line 1): without the backend it means nothing.".to_owned()
        ),
        "{unused:?}"
    );
}

#[test]
fn all_errors_are_told_in_the_order_of_their_lines() {
    let text = "{ prefixStats: '',\n percentThreshold: 150,\n\n flushInterval: 'x' }";
    let errors = configuration("a.js", text).unwrap_err();
    let lines: Vec<_> = errors.lines().iter().map(|line| &line[..13]).collect();
    assert_eq!(lines, ["a.js: line 1:", "a.js: line 2:", "a.js: line 4:"]);
}

/// The file that a configuration of the proxy becomes; `config` is what stands beside a node.
fn proxy(config: &str) -> Result<String, String> {
    let text = format!("{{ nodes: [{{ host: 'n', port: 1, adminport: 2 }}],\n{config} }}");
    configuration("a.js", &text).map_err(|errors| errors.lines()[0].clone())
}

#[test]
fn the_proxy_has_as_many_workers_as_processes() {
    for (count, expected) in [("0", "1"), ("1", "1"), ("4", "4"), ("'2'", "2"), ("'auto'", "0")] {
        let written = proxy(&format!("forkCount: {count}")).unwrap();
        assert!(written.contains(&format!("\nworkers = {expected}\n")), "{written}");
    }
    assert_eq!(
        proxy("forkCount: 'x'").unwrap_err(),
        "a.js: line 2: forkCount: is not a number of processes"
    );
}

#[test]
fn the_proxy_is_a_relay_to_each_node_once() {
    let written = proxy("checkInterval: 1500").unwrap();
    assert!(
        written.ends_with(
            "[relay]\ncheck_interval = 1.5\n\n[[relay.node]]\nurl = \"udp://n:1\"\n\
             health = \"n:2\"\n"
        ),
        "{written}"
    );
    assert!(proxy("").unwrap().contains("check_interval = 10\n"));
    let twice =
        "nodes: [{ host: 'n', port: 1, adminport: 2 }, { host: 'n', port: 1, adminport: 3 }]";
    assert_eq!(proxy(twice).unwrap().matches("[[relay.node]]").count(), 1);
    for (config, expected) in [
        ("nodes: []", "nodes: there is no node"),
        ("nodes: 5", "nodes: there is no node"),
        ("nodes: ['n:1']", "nodes: 'n:1' is no node"),
        ("nodes: [{ host: 'n', port: 1 }]", "nodes.adminport: is missing"),
        ("nodes: [{ port: 1, adminport: 2 }]", "nodes.host: is missing"),
        ("checkInterval: 'x'", "checkInterval: 'x' is not a number"),
    ] {
        assert_eq!(proxy(config).unwrap_err(), format!("a.js: line 2: {expected}"));
    }
}
