//! `[[sink]]` of each kind: its keys, and what does not fit together.

mod http;

use std::time::Duration;

use gstatsd_aggregate::Glob;
use gstatsd_sinks::{FileSettings, GraphiteForm, StatsdSettings, TimerForm, TlsSettings};
use gstatsd_wire::TagStyle;

use super::{environment, errors_of_file, graphite, of_file, shown, text};
use crate::config::{
    Address, Delivery, GraphitePeer, ScrapePage, Sink, SinkKind, Spool, SpoolOfSink, StatsdPeer,
    Transport, file::FileSink,
};

/// What every sink has by default.
pub(super) fn usual_delivery() -> Delivery {
    let (include, exclude) = (Vec::new(), Vec::new());
    let (queue_bytes, interval, spool) = (64 << 20, Duration::ZERO, SpoolOfSink::default());
    Delivery { queue_bytes, interval, include, exclude, replay: 2, spool }
}

/// A value for every key, none of them the default.
pub(super) fn full_file() -> Vec<FileSink> {
    let graphite = FileSink {
        url: text("graphite+tls://foo:1"),
        name: text("first"),
        connect_timeout: Some(1.0),
        write_timeout: Some(2.0),
        ca_file: text("/ca"),
        cert_file: text("cert"),
        key_file: text("/key"),
        server_name: text("carbon"),
        queue_bytes: Some(4096),
        interval: Some(30.0),
        include: Some(vec!["a.**".to_owned(), "b".to_owned()]),
        exclude: Some(vec!["a.*.c".to_owned()]),
        replay: Some(7),
        spool_bytes: Some(5_000),
        spool_age: Some(70.5),
        spool_sync: Some(false),
        ..FileSink::default()
    };
    let page = FileSink {
        url: text("prometheus://[::1]:2/x"),
        name: text("second"),
        queue_bytes: Some(4099),
        quantiles: Some(vec![0.25]),
        seconds: Some(true),
        idle_timeout: Some(60.5),
        ..FileSink::default()
    };
    let statsd = FileSink {
        url: text("statsd+tcp://foo:3"),
        name: text("third"),
        connect_timeout: Some(3.0),
        write_timeout: Some(4.0),
        packet_bytes: Some(100),
        tag_style: text("librato"),
        pack_values: Some(true),
        ..FileSink::default()
    };
    let lines = FileSink {
        url: text("file:m.json"),
        name: text("fourth"),
        file_bytes_max: Some(5),
        files_max: Some(6),
        ..FileSink::default()
    };
    let histograms = FileSink {
        url: text("prometheus://[::1]:2/y"),
        name: text("histograms"),
        timers: text("histogram"),
        buckets: Some(vec![0.5, 2.0]),
        seconds: Some(true),
        idle_timeout: Some(60.5),
        ..FileSink::default()
    };
    vec![
        graphite,
        page,
        statsd,
        lines,
        histograms,
        http::full_otlp_file(),
        http::full_influx_file(),
        http::full_remote_write_file(),
    ]
}

/// All of that.
pub(super) fn all_full() -> Vec<Sink> {
    let statsd = StatsdPeer {
        transport: Transport::Tcp,
        address: Address::parse("foo:3", 1).unwrap(),
        lines: StatsdSettings { style: TagStyle::Librato, packed: true, packet_bytes: 100 },
        connect_timeout: Duration::from_secs(3),
        write_timeout: Duration::from_secs(4),
    };
    let path = environment().directory.join("m.json");
    let file = FileSettings { path, bytes_max: 5, files_max: 6 };
    let SinkKind::Prometheus(page) = full().kind else { panic!("a page") };
    let timers = TimerForm::Histogram(vec![0.5, 2.0]);
    let histograms = SinkKind::Prometheus(ScrapePage { path: "/y".to_owned(), timers, ..page });
    let usual = |name: &str, kind| Sink { name: name.to_owned(), kind, delivery: usual_delivery() };
    vec![
        full_graphite(),
        full(),
        usual("third", SinkKind::Statsd(statsd)),
        usual("fourth", SinkKind::File(file)),
        usual("histograms", histograms),
        http::full_otlp(),
        http::full_influx(),
        http::full_remote_write(),
    ]
}

/// The Graphite of that.
pub(super) fn full_graphite() -> Sink {
    let globs = |texts: &[&str]| texts.iter().map(|text| Glob::parse(text).unwrap()).collect();
    let delivery = Delivery {
        queue_bytes: 4096,
        interval: Duration::from_secs(30),
        include: globs(&["a.**", "b"]),
        exclude: globs(&["a.*.c"]),
        replay: 7,
        spool: SpoolOfSink {
            bytes: Some(5_000),
            age: Some(Duration::from_millis(70_500)),
            sync: Some(false),
        },
    };
    let plain = graphite("first", "foo:1", 1, 2, 4096);
    let SinkKind::Graphite(peer) = plain.kind else { panic!("{:?}", plain.kind) };
    let tls = Some(TlsSettings {
        ca_file: Some("/ca".into()),
        cert_file: Some(environment().directory.join("cert")),
        key_file: Some("/key".into()),
        server_name: text("carbon"),
    });
    let kind = SinkKind::Graphite(GraphitePeer { tls, ..peer });
    Sink { delivery, kind, name: plain.name }
}

/// The page of that.
pub(super) fn full() -> Sink {
    let page = ScrapePage {
        address: Address { host: "::1".to_owned(), port: 2 },
        path: "/x".to_owned(),
        timers: TimerForm::Summary(vec![0.25]),
        seconds: true,
        idle_timeout: Duration::from_millis(60_500),
    };
    let kind = SinkKind::Prometheus(page);
    let delivery = Delivery { queue_bytes: 4099, ..usual_delivery() };
    Sink { name: "second".to_owned(), kind, delivery }
}

fn page(text: &str) -> ScrapePage {
    let config = of_file(text);
    assert_eq!(of_file(&shown(&config)), config);
    match &config.sinks[0].kind {
        SinkKind::Prometheus(page) => page.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_has_an_address_and_a_path() {
    let of = |url: &str| {
        let ScrapePage { address, path, .. } = page(&format!("[[sink]]\nurl = \"{url}\""));
        (address.to_string(), path)
    };
    let cases = [
        ("prometheus://:9102", ":9102", "/metrics"),
        ("prometheus://127.0.0.1:9102/", "127.0.0.1:9102", "/metrics"),
        ("prometheus://[::1]:0/stats/all", "[::1]:0", "/stats/all"),
    ];
    for (url, address, path) in cases {
        assert_eq!(of(url), (address.to_owned(), path.to_owned()), "{url}");
    }
    let named = of_file("[[sink]]\nurl = \"prometheus://:9102\"").sinks[0].name.clone();
    assert_eq!(named, "prometheus_9102");
}

#[test]
fn a_page_has_settings_of_its_own() {
    let address = Address { host: String::new(), port: 9102 };
    let usual = ScrapePage {
        address,
        path: "/metrics".to_owned(),
        timers: TimerForm::Summary(vec![0.5, 0.9, 0.99]),
        seconds: false,
        idle_timeout: Duration::from_secs(3_600),
    };
    let url = "[[sink]]\nurl = \"prometheus://:9102\"";
    assert_eq!(page(url), usual);
    let given = page(&format!("{url}\nquantiles = []\nseconds = true\nidle_timeout = 90"));
    let idle_timeout = Duration::from_secs(90);
    let timers = TimerForm::Summary(Vec::new());
    assert_eq!(given, ScrapePage { timers, seconds: true, idle_timeout, ..usual });
}

#[test]
fn timers_of_a_page_are_summaries_or_histograms_of_one_of_two_kinds() {
    let of = |text: &str| page(&format!("[[sink]]\nurl = \"prometheus://:1\"\n{text}")).timers;
    assert_eq!(of("timers = \"native\""), TimerForm::Native);
    let given = of("timers = \"histogram\"\nbuckets = [1, 2.5]");
    assert_eq!(given, TimerForm::Histogram(vec![1.0, 2.5]));
    let TimerForm::Histogram(usual) = of("timers = \"histogram\"\nseconds = true") else {
        panic!()
    };
    assert_eq!((usual[0], usual[10], usual.len()), (0.005, 10.0, 11));
    let errors =
        |text: &str| errors_of_file(&format!("[[sink]]\nurl = \"prometheus://:1\"\n{text}"));
    let cases = [
        ("timers = \"x\"", "timers: 'x' is not `summary`, `histogram` or `native`"),
        ("buckets = [1]", "buckets: means nothing where timers are 'summary'"),
    ];
    for (text, error) in cases {
        assert_eq!(errors(text), [format!("a.toml: line 3: sink.{error}")]);
    }
    for (bounds, error) in [("[2, 1]", "1 stands behind 2"), ("[inf]", "inf is not finite")] {
        let errors = errors(&format!("timers = \"histogram\"\nbuckets = {bounds}"));
        assert_eq!(errors, [format!("a.toml: line 4: sink.buckets: {error}")]);
    }
}

#[test]
fn keys_that_mean_nothing_for_a_sink_are_errors() {
    let errors = |text: &str| errors_of_file(&format!("[[sink]]\n{text}"));
    let nothing = "means nothing for this kind of sink";
    assert_eq!(
        errors("url = \"prometheus://:1\"\nwrite_timeout = 1"),
        [format!("a.toml: line 3: sink.write_timeout: {nothing}")]
    );
    assert_eq!(
        errors("url = \"foo:1\"\nseconds = true\nquantiles = [1]"),
        [
            format!("a.toml: line 4: sink.quantiles: {nothing}"),
            format!("a.toml: line 3: sink.seconds: {nothing}"),
        ]
    );
    assert_eq!(
        errors("url = \"prometheus://:1\"\nquantiles = [0, 0.5, 0.5]"),
        [
            "a.toml: line 3: sink.quantiles: 0 is not in (0, 1]",
            "a.toml: line 3: sink.quantiles: 0.5 stands there twice",
        ]
    );
    let [error] = &errors("url = \"prometheus://:1/a?b\"")[..] else { panic!() };
    assert!(error.contains("'/a?b' is no plain path"), "{error}");
}

#[test]
fn a_url_says_which_protocol_and_over_what() {
    for (url, is_meant) in [
        ("graphite://foo:1", (|kind| matches!(kind, SinkKind::Graphite(_))) as fn(&SinkKind) -> _),
        (
            "graphite+pickle://foo:1",
            |kind| matches!(kind, SinkKind::Graphite(peer) if peer.form == GraphiteForm::Pickle),
        ),
        ("graphite+tls://foo:1", |kind| {
            let usual = Some(TlsSettings::default());
            matches!(kind, SinkKind::Graphite(peer) if peer.tls == usual)
        }),
        (
            "graphite+udp://foo:1",
            |kind| matches!(kind, SinkKind::GraphiteUdp(peer) if peer.packet_bytes == 1_432),
        ),
        ("influxdb+udp://foo:1", |kind| matches!(kind, SinkKind::InfluxUdp(_))),
        (
            "statsd://:8125",
            |kind| matches!(kind, SinkKind::Statsd(peer) if peer.address.host == "localhost"),
        ),
        (
            "file:///a/b",
            |kind| matches!(kind, SinkKind::File(file) if file.path.to_str() == Some("/a/b")),
        ),
    ] {
        let config = of_file(&format!("[[sink]]\nurl = \"{url}\""));
        assert!(is_meant(&config.sinks[0].kind), "{url}: {:?}", config.sinks[0].kind);
        assert_eq!(of_file(&shown(&config)), config);
    }
}

#[test]
fn what_is_wrong_with_lines_and_files_of_tls_is_told() {
    let errors = |text: &str| errors_of_file(&format!("[[sink]]\n{text}"));
    let words = "\"dogstatsd\", \"graphite\", \"influx\", \"librato\", \"signalfx\" or \"lyft\"";
    assert_eq!(
        errors("url = \"statsd://a:1\"\ntag_style = \"x\"\npacket_bytes = 1"),
        [
            format!("a.toml: line 3: sink.tag_style: 'x' is not {words}"),
            "a.toml: line 4: sink.packet_bytes: 1 is not between 64 and 65507 bytes".to_owned(),
        ]
    );
    assert_eq!(
        errors("url = \"graphite+tls://a:1\"\ncert_file = \"c\""),
        ["a.toml: line 3: sink.cert_file: goes with key_file"]
    );
    assert_eq!(
        errors("url = \"graphite://a:1\"\nca_file = \"c\""),
        ["a.toml: line 3: sink.ca_file: means nothing for this kind of sink"]
    );
    let [error] = &errors("url = \"file:\"")[..] else { panic!() };
    assert!(error.contains("'file:' has no path"), "{error}");
}

#[test]
fn a_sink_may_have_a_spool_of_its_own_or_none() {
    let config = of_file(
        "state_directory = \"/s\"\n[spool]\nbytes = 1000\nage = 60\n\
         [[sink]]\nurl = \"foo:1\"\nspool_bytes = 0\n\
         [[sink]]\nurl = \"foo:2\"\nspool_age = 5\nspool_sync = false\n",
    );
    let of = |sink: usize| config.sinks[sink].delivery.spool.of(&config.spool);
    assert_eq!(of(0), Spool { bytes: 0, ..config.spool.clone() });
    assert_eq!(of(0).directory(), None);
    let age = Duration::from_secs(5);
    assert_eq!(of(1), Spool { age, sync: false, ..config.spool.clone() });
    // One of its own is one, where others have none.
    let sink = "state_directory = \"/s\"\nspool.bytes = 0\n[[sink]]\nurl = \"foo:1\"\n";
    assert_eq!(of_file(sink).spool_directory(), None);
    let own = of_file(&format!("{sink}spool_bytes = 9000\n"));
    assert_eq!(own.spool_directory(), Some(&"/s/spool".into()));
    assert_eq!(
        errors_of_file("[[sink]]\nurl = \"console:\"\nspool_bytes = 1\nreplay = 1\n"),
        [
            "a.toml: line 4: sink.replay: means nothing for this kind of sink",
            "a.toml: line 3: sink.spool_bytes: means nothing for this kind of sink",
        ]
    );
}
