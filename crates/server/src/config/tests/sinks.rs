//! `[[sink]]` of Prometheus: its keys, and what does not fit together.

use std::time::Duration;

use gstatsd_aggregate::Glob;

use super::{errors_of_file, graphite, of_file, shown, text};
use crate::config::{Address, Delivery, ScrapePage, Sink, SinkKind, file::FileSink};

/// What every sink has by default.
pub(super) fn usual_delivery() -> Delivery {
    let (include, exclude) = (Vec::new(), Vec::new());
    Delivery { queue_bytes: 64 << 20, interval: Duration::ZERO, include, exclude }
}

/// A value for every key, none of them the default.
pub(super) fn full_file() -> Vec<FileSink> {
    let graphite = FileSink {
        url: text("graphite://foo:1"),
        name: text("first"),
        connect_timeout: Some(1.0),
        write_timeout: Some(2.0),
        queue_bytes: Some(4096),
        interval: Some(30.0),
        include: Some(vec!["a.**".to_owned(), "b".to_owned()]),
        exclude: Some(vec!["a.*.c".to_owned()]),
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
    vec![graphite, page]
}

/// The Graphite of that.
pub(super) fn full_graphite() -> Sink {
    let globs = |texts: &[&str]| texts.iter().map(|text| Glob::parse(text).unwrap()).collect();
    let delivery = Delivery {
        queue_bytes: 4096,
        interval: Duration::from_secs(30),
        include: globs(&["a.**", "b"]),
        exclude: globs(&["a.*.c"]),
    };
    Sink { delivery, ..graphite("first", "foo:1", 1, 2, 4096) }
}

/// The page of that.
pub(super) fn full() -> Sink {
    let page = ScrapePage {
        address: Address { host: "::1".to_owned(), port: 2 },
        path: "/x".to_owned(),
        quantiles: vec![0.25],
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
        quantiles: vec![0.5, 0.9, 0.99],
        seconds: false,
        idle_timeout: Duration::from_secs(3_600),
    };
    let url = "[[sink]]\nurl = \"prometheus://:9102\"";
    assert_eq!(page(url), usual);
    let given = page(&format!("{url}\nquantiles = []\nseconds = true\nidle_timeout = 90"));
    let idle_timeout = Duration::from_secs(90);
    assert_eq!(given, ScrapePage { quantiles: Vec::new(), seconds: true, idle_timeout, ..usual });
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
