//! The keys of `[[sink]]`.

mod http;
mod keeping;
mod lines;
mod tls;

pub(crate) use http::*;
pub(crate) use keeping::*;
pub(crate) use lines::*;
pub(crate) use tls::*;

use crate::config::key::{About, List, Number, Switch, Text, Whole};

/// `sink.url`
pub(crate) const URL: Text = Text {
    about: About {
        path: "sink.url",
        flag: Some("-s"),
        effect: "Where metrics go: Graphite over TCP as plain text or as pickle, over TLS, or over \
                 UDP; a collector of OpenTelemetry over gRPC or HTTP; a Prometheus that takes \
                 remote writes; InfluxDB over HTTP or UDP; another StatsD; a file of JSON lines; a \
                 table on standard output; or this address, where a Prometheus scrapes them. Each \
                 sink gets \
                 everything. Any `-s` replaces all `[[sink]]` of the file.",
        edge: "An empty host is localhost; for `prometheus://` it is every address of this machine.",
        reload: true,
    },
    allowed: "`graphite://HOST:PORT`, `[HOST]:PORT`, `PORT`, `graphite+pickle://HOST:PORT`, \
              `graphite+tls://HOST:PORT`, `graphite+udp://HOST:PORT`, `statsd://HOST:PORT`, \
              `statsd+tcp://HOST:PORT`, `otlp://HOST:PORT` (gRPC), `otlp+tls://`, \
              `otlp+http://HOST:PORT/PATH`, `otlp+https://`, `otlp:` (as the variables \
              `OTEL_EXPORTER_OTLP_*` say), `remote-write://HOST:PORT/PATH`, \
              `remote-write+https://`, `influxdb://HOST:PORT/DATABASE`, `influxdb+https://`, \
              `influxdb+udp://HOST:PORT`, `file:PATH`, `prometheus://[HOST]:PORT/PATH` or \
              `console:`; an IPv6 address stands in brackets",
    default: Some("console:"),
};

/// `sink.name`
pub(crate) const NAME: Text = Text {
    about: About {
        path: "sink.name",
        flag: None,
        effect: "The name of the sink in the log and in own metrics. Without one it is made from \
                 the url (`console`, `graphite_HOST_PORT`).",
        edge: "Two sinks cannot have one name.",
        reload: true,
    },
    allowed: "1 to 64 letters, digits, `_` and `-`",
    default: None,
};

/// `sink.connect_timeout`
pub(crate) const CONNECT_TIMEOUT: Number = Number {
    about: About {
        path: "sink.connect_timeout",
        flag: None,
        effect: "How long a connection to Graphite or to a StatsD may take to be made, with its \
                 TLS handshake, before it is tried again.",
        edge: "0 is refused.",
        reload: true,
    },
    unit: "seconds",
    min: 0.01,
    above_min: false,
    max: 3_600.0,
    default: 5.0,
};

/// `sink.write_timeout`
pub(crate) const WRITE_TIMEOUT: Number = Number {
    about: About {
        path: "sink.write_timeout",
        flag: None,
        effect: "How long the other end may take nothing before the connection is given up and \
                 made anew.",
        edge: "0 is refused.",
        reload: true,
    },
    unit: "seconds",
    min: 0.01,
    above_min: false,
    max: 3_600.0,
    default: 10.0,
};

/// `sink.queue_bytes`
pub(crate) const QUEUE_BYTES: Whole = Whole {
    about: About {
        path: "sink.queue_bytes",
        flag: None,
        effect: "How much may wait for this sink while it is slow or down. What does not fit is \
                 dropped and counted; other sinks do not notice.",
        edge: "",
        reload: true,
    },
    unit: "bytes",
    min: 1024,
    max: 1 << 40,
    default: 64 << 20,
};

/// `sink.interval`
pub(crate) const INTERVAL: Number = Number {
    about: About {
        path: "sink.interval",
        flag: None,
        effect: "How often this sink gets what was aggregated: what several flushes brought comes \
                 as one, with the time of the last of them. A multiple of `flush_interval`.",
        edge: "0 is with each flush.",
        reload: true,
    },
    unit: "seconds",
    min: 0.0,
    above_min: false,
    max: 31_536_000.0,
    default: 0.0,
};

/// `sink.include`
pub(crate) const INCLUDE: List = List {
    about: About {
        path: "sink.include",
        flag: None,
        effect: "Only series whose names match one of these patterns go to this sink; names as \
                 they are aggregated, without a prefix or tags. Own metrics always go.",
        edge: "`[]` is every series.",
        reload: true,
    },
    allowed: "patterns of names, in which `*` stands for any characters but dots, `**` for any",
    default: "[]",
};

/// `sink.exclude`
pub(crate) const EXCLUDE: List = List {
    about: About {
        path: "sink.exclude",
        flag: None,
        effect: "Series whose names match one of these patterns do not go to this sink, whatever \
                 `include` says.",
        edge: "`[]` is none.",
        reload: true,
    },
    allowed: "patterns as in `sink.include`",
    default: "[]",
};

/// `sink.timers`
pub(crate) const TIMERS: Text = Text {
    about: About {
        path: "sink.timers",
        flag: None,
        effect: "What Prometheus gets of timers, histograms and distributions: summaries with \
                 `quantiles`, histograms with `buckets`, or native histograms. Those come with the \
                 format of protobuf alone, which a Prometheus asks for that is told to scrape \
                 them; a text has their sums and counts.",
        edge: "",
        reload: true,
    },
    allowed: "`summary`, `histogram` or `native`",
    default: Some("summary"),
};

/// `sink.buckets`
pub(crate) const BUCKETS: List = List {
    about: About {
        path: "sink.buckets",
        flag: None,
        effect: "The bounds of the buckets that Prometheus gets with `timers = \"histogram\"`, in \
                 the unit that it gets timers in. With `seconds` the default is a thousandth of \
                 what stands here.",
        edge: "`[]` is the bucket of all samples alone.",
        reload: true,
    },
    allowed: "numbers in ascending order",
    default: "[5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0]",
};

/// `sink.quantiles`
pub(crate) const QUANTILES: List = List {
    about: About {
        path: "sink.quantiles",
        flag: None,
        effect: "The quantiles of timers, histograms and distributions that Prometheus gets: those \
                 of the last interval that had samples, unless that is five minutes ago.",
        edge: "`[]` is none: sums and counts are left.",
        reload: true,
    },
    allowed: "numbers in (0, 1], each once",
    default: "[0.5, 0.9, 0.99]",
};

/// `sink.seconds`
pub(crate) const SECONDS: Switch = Switch {
    about: About {
        path: "sink.seconds",
        flag: None,
        effect: "Whether Prometheus gets timers in seconds, as its other metrics are. They come in \
                 milliseconds. Histograms and distributions stay as they are, where the dialect \
                 tells them from timers.",
        edge: "",
        reload: true,
    },
    default: false,
};

/// `sink.idle_timeout`
pub(crate) const IDLE_TIMEOUT: Number = Number {
    about: About {
        path: "sink.idle_timeout",
        flag: None,
        effect: "For how long Prometheus still gets a series that nothing comes of: its last \
                 total, or its last value.",
        edge: "It is at least one flush interval.",
        reload: true,
    },
    unit: "seconds",
    min: 0.0,
    above_min: true,
    max: 31_536_000.0,
    default: 3_600.0,
};
