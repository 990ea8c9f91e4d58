//! The keys of sinks that connect over TLS or speak HTTP.

use crate::config::key::{About, List, Number, Text};

/// `sink.timeout`
pub(crate) const TIMEOUT: Number = Number {
    about: About {
        path: "sink.timeout",
        flag: None,
        effect: "How long a request over HTTP may take: from the name of the host to the end of \
                 the answer. Without it, that of `OTEL_EXPORTER_OTLP_TIMEOUT` for OpenTelemetry.",
        edge: "0 is refused.",
        reload: true,
    },
    unit: "seconds",
    min: 0.01,
    above_min: false,
    max: 3_600.0,
    default: 30.0,
};

/// `sink.compression`
pub(crate) const COMPRESSION: Text = Text {
    about: About {
        path: "sink.compression",
        flag: None,
        effect: "How what goes over HTTP to InfluxDB and OpenTelemetry is compressed. Without it, \
                 as `OTEL_EXPORTER_OTLP_COMPRESSION` says for OpenTelemetry.",
        edge: "",
        reload: true,
    },
    allowed: "`gzip` or `none`",
    default: Some("none"),
};

/// `sink.headers`
pub(crate) const HEADERS: List = List {
    about: About {
        path: "sink.headers",
        flag: None,
        effect: "Headers of each request over HTTP, by name. Variables stand for secrets: \
                 `{ api-key = \"${API_KEY}\" }`. Without it, those of \
                 `OTEL_EXPORTER_OTLP_HEADERS` for OpenTelemetry.",
        edge: "A value without a variable is shown as `***` by `check`.",
        reload: true,
    },
    allowed: "a table of texts",
    default: "",
};

/// `sink.token_file`
pub(crate) const TOKEN_FILE: Text = Text {
    about: About {
        path: "sink.token_file",
        flag: None,
        effect: "A file with the token that goes along with each request over HTTP: as `Bearer`, \
                 and to InfluxDB as `Token` (of version 1, `USER:PASSWORD`). It is read again with \
                 a reload.",
        edge: "",
        reload: true,
    },
    allowed: "a path",
    default: None,
};

/// `sink.org`
pub(crate) const ORG: Text = Text {
    about: About {
        path: "sink.org",
        flag: None,
        effect: "The organisation of InfluxDB 2. It goes with `bucket`, in place of a database in \
                 the url.",
        edge: "",
        reload: true,
    },
    allowed: "a name",
    default: None,
};

/// `sink.bucket`
pub(crate) const BUCKET: Text = Text {
    about: About {
        path: "sink.bucket",
        flag: None,
        effect: "The bucket of InfluxDB 2.",
        edge: "",
        reload: true,
    },
    allowed: "a name",
    default: None,
};

/// `sink.temporality`
pub(crate) const TEMPORALITY: Text = Text {
    about: About {
        path: "sink.temporality",
        flag: None,
        effect: "What sums and histograms hold for OpenTelemetry: all since a series was first \
                 seen, which Prometheus wants and which is never counted twice; or what an \
                 interval brought, which Datadog and Dynatrace want. Without it, as \
                 `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` says.",
        edge: "",
        reload: true,
    },
    allowed: "`cumulative` or `delta`",
    default: Some("cumulative"),
};

/// `sink.resource`
pub(crate) const RESOURCE: List = List {
    about: About {
        path: "sink.resource",
        flag: None,
        effect: "Attributes of the resource for OpenTelemetry, beside `service.name` and \
                 `host.name`, or in their place. Those of `OTEL_RESOURCE_ATTRIBUTES` and \
                 `OTEL_SERVICE_NAME` hold where it says nothing else.",
        edge: "",
        reload: true,
    },
    allowed: "a table of texts",
    default: "",
};

/// `sink.labels`
pub(crate) const LABELS: List = List {
    about: About {
        path: "sink.labels",
        flag: None,
        effect: "Labels of every series that is written to a Prometheus, where it has none of that \
                 name: `{ replica = \"${HOSTNAME}\" }`.",
        edge: "",
        reload: true,
    },
    allowed: "a table of texts; their names are letters, digits and `_`",
    default: "",
};
