//! The keys of sinks that send datagrams, speak StatsD or write files.

use crate::config::key::{About, Switch, Text, Whole};

/// `sink.packet_bytes`
pub(crate) const PACKET_BYTES: Whole = Whole {
    about: About {
        path: "sink.packet_bytes",
        flag: None,
        effect: "The longest datagram that lines are packed into, over UDP. The default fits into \
                 the frames of most networks. Nothing answers over UDP: what is lost on the way \
                 nobody sees.",
        edge: "A line that is longer has a datagram of its own.",
        reload: true,
    },
    unit: "bytes",
    min: 64,
    max: 65_507,
    default: 1_432,
};

/// `sink.tag_style`
pub(crate) const TAG_STYLE: Text = Text {
    about: About {
        path: "sink.tag_style",
        flag: None,
        effect: "How another StatsD gets tags. Only in that of DogStatsD there are words for \
                 events, service checks and samples with a time of their own.",
        edge: "",
        reload: true,
    },
    allowed: "`\"dogstatsd\"`, `\"graphite\"`, `\"influx\"`, `\"librato\"`, `\"signalfx\"` or \
              `\"lyft\"`",
    default: Some("dogstatsd"),
};

/// `sink.pack_values`
pub(crate) const PACK_VALUES: Switch = Switch {
    about: About {
        path: "sink.pack_values",
        flag: None,
        effect: "Whether another StatsD gets several values of a timer in one line \
                 (`time:1:2|ms`), which not each of them reads.",
        edge: "",
        reload: true,
    },
    default: false,
};

/// `sink.file_bytes_max`
pub(crate) const FILE_BYTES_MAX: Whole = Whole {
    about: About {
        path: "sink.file_bytes_max",
        flag: None,
        effect: "How long a file becomes: before it would be longer, it is put aside as `PATH.1`, \
                 the one before as `PATH.2`, and so on.",
        edge: "0 is as long as there is room.",
        reload: true,
    },
    unit: "bytes",
    min: 0,
    max: 1 << 50,
    default: 100 << 20,
};

/// `sink.files_max`
pub(crate) const FILES_MAX: Whole = Whole {
    about: About {
        path: "sink.files_max",
        flag: None,
        effect: "How many full files are kept beside the one that is written.",
        edge: "0 is none: a full file is deleted.",
        reload: true,
    },
    unit: "files",
    min: 0,
    max: 10_000,
    default: 5,
};
