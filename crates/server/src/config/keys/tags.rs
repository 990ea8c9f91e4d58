//! The keys of `[tags]`.

use crate::config::key::{About, List, Switch, Text, Whole};

/// `tags.mode`
pub(crate) const MODE: Text = Text {
    about: About {
        path: "tags.mode",
        flag: None,
        effect: "Whether tags make series: `\"keep\"` them, `\"drop\"` them, or do as the dialect \
                 of the listener does. The gstatsd dialect drops them, the others keep them.",
        edge: "",
        reload: true,
    },
    allowed: "`\"dialect\"`, `\"keep\"` or `\"drop\"`",
    default: Some("dialect"),
};

/// `tags.styles`
pub(crate) const STYLES: List = List {
    about: About {
        path: "tags.styles",
        flag: None,
        effect: "The styles in which tags are read: `name:1|c|#k:v` (`dogstatsd`), \
                 `name;k=v:1|c` (`graphite`), `name,k=v:1|c` (`influx`), `name#k=v:1|c` \
                 (`librato`), `name[k=v]:1|c` (`signalfx`), `name.__k=v:1|c` (`lyft`). `\"own\"` \
                 is those of the dialect: `dogstatsd`, and in the statsd dialect `graphite` too. \
                 `\"all\"` is each of them: a name ends at the first mark that begins tags.",
        edge: "`[]` reads no tags: they are part of the name, or a field that is skipped.",
        reload: true,
    },
    allowed: "a list of `\"dogstatsd\"`, `\"graphite\"`, `\"influx\"`, `\"librato\"`, \
              `\"signalfx\"` and `\"lyft\"`; `[\"own\"]`; or `[\"all\"]`",
    default: "[\"own\"]",
};

/// `tags.count_max`
pub(crate) const COUNT_MAX: Whole = Whole {
    about: About {
        path: "tags.count_max",
        flag: None,
        effect: "The largest number of tags that a line may have where tags are kept. The samples \
                 of a line with more are rejected as `too_many_tags`.",
        edge: "",
        reload: true,
    },
    unit: "tags",
    min: 0,
    max: 1024,
    default: 64,
};

/// `tags.bytes_max`
pub(crate) const BYTES_MAX: Whole = Whole {
    about: About {
        path: "tags.bytes_max",
        flag: None,
        effect: "The most bytes that the tags of a line may have where tags are kept. The samples \
                 of a line with more are rejected as `too_many_tags`.",
        edge: "",
        reload: true,
    },
    unit: "bytes",
    min: 0,
    max: 65_536,
    default: 4096,
};

/// `tags.constant`
pub(crate) const CONSTANT: List = List {
    about: About {
        path: "tags.constant",
        flag: None,
        effect: "Tags that every series gets which has none of the same key, whatever \
                 `tags.mode` says. Variables are expanded.",
        edge: "",
        reload: true,
    },
    allowed: "a list of texts, as in `[\"env:prod\", \"host:${HOSTNAME}\"]`",
    default: "[]",
};

/// `tags.origin`
pub(crate) const ORIGIN: Switch = Switch {
    about: About {
        path: "tags.origin",
        flag: None,
        effect: "Where tags are kept, take the fields `c:`, `e:` and `card:` of DogStatsD for the \
                 tags `container_id`, `external_data` and `cardinality`. Otherwise they are \
                 skipped.",
        edge: "",
        reload: true,
    },
    default: false,
};

/// `tags.output`
pub(crate) const OUTPUT: Text = Text {
    about: About {
        path: "tags.output",
        flag: None,
        effect: "How tags come out: as those of Graphite (`name;key=value`; a tag without a value \
                 has the value `true`), or folded into the name, which then is that of the \
                 series: what has the same name is added up.",
        edge: "",
        reload: true,
    },
    allowed: "`\"tags\"` or `\"name\"`",
    default: Some("tags"),
};

/// `tags.template`
pub(crate) const TEMPLATE: Text = Text {
    about: About {
        path: "tags.template",
        flag: None,
        effect: "The name with `output = \"name\"`. `{name}` is the name without tags, `{KEY}` \
                 the value of the tag with this key, `{tags}` is all other tags as `key.value` \
                 with dots between them. Dots in tags become `_`. A part between two dots that \
                 comes to nothing is left out.",
        edge: "",
        reload: true,
    },
    allowed: "text with `{name}` in it, as in `\"{env}.{name}.{tags}\"`",
    default: Some("{name}.{tags}"),
};
