//! The keys of `[[repeater]]` and `[relay]`.

use crate::config::key::{About, Number, Text, Whole};

/// `repeater.url`
pub(crate) const REPEATER_URL: Text = Text {
    about: About {
        path: "repeater.url",
        flag: None,
        effect: "Another StatsD that gets every packet as it came, beside being aggregated here. \
                 Over TCP a packet ends with a newline. Nothing waits for it.",
        edge: "An empty host is localhost. An address of our own is refused.",
        reload: false,
    },
    allowed: "`udp://HOST:PORT`, `tcp://HOST:PORT` or `HOST:PORT`",
    default: None,
};

/// `repeater.match`
pub(crate) const REPEATER_MATCH: Text = Text {
    about: About {
        path: "repeater.match",
        flag: None,
        effect: "Only lines whose name, as it came, matches one of these patterns are passed on. \
                 `*` stands for anything within a part between dots, `**` for anything.",
        edge: "Without any pattern packets are passed on whole.",
        reload: false,
    },
    allowed: "an array of patterns",
    default: None,
};

/// `repeater.queue_bytes`
pub(crate) const REPEATER_QUEUE_BYTES: Whole = Whole {
    about: About {
        path: "repeater.queue_bytes",
        flag: None,
        effect: "How much may wait for this peer while it is slow or away; what does not fit is \
                 dropped, oldest first, and counted. As much again may be on its way.",
        edge: "",
        reload: false,
    },
    unit: "bytes",
    min: 1024,
    max: 1 << 40,
    default: 8 << 20,
};

/// `relay.check_interval`
pub(crate) const RELAY_CHECK_INTERVAL: Number = Number {
    about: About {
        path: "relay.check_interval",
        flag: None,
        effect: "How often the health of each node is asked for. A node that refuses or breaks \
                 off is asked at once.",
        edge: "0 is refused.",
        reload: false,
    },
    unit: "seconds",
    min: 0.1,
    above_min: false,
    max: 3_600.0,
    default: 10.0,
};

/// `relay.packet_bytes`
pub(crate) const RELAY_PACKET_BYTES: Whole = Whole {
    about: About {
        path: "relay.packet_bytes",
        flag: None,
        effect: "Lines for one node are packed into packets of at most so many bytes. A longer \
                 line goes alone.",
        edge: "1 is one line a packet.",
        reload: false,
    },
    unit: "bytes",
    min: 1,
    max: 65_507,
    default: 1_432,
};

/// `relay.queue_bytes`
pub(crate) const RELAY_QUEUE_BYTES: Whole = Whole {
    about: About {
        path: "relay.queue_bytes",
        flag: None,
        effect: "How much may wait for each node while it is slow or away; what does not fit is \
                 dropped, oldest first, and counted. As much again may be on its way.",
        edge: "",
        reload: false,
    },
    unit: "bytes",
    min: 1024,
    max: 1 << 40,
    default: 8 << 20,
};

/// `relay.node.url`
pub(crate) const RELAY_NODE_URL: Text = Text {
    about: About {
        path: "relay.node.url",
        flag: None,
        effect: "A StatsD that lines are passed on to, in place of being aggregated here: each \
                 line to the node that its name belongs to, as the Node.js proxy chooses it. \
                 `HOST:PORT` is the name of the node on the ring, so it must be the same text in \
                 every relay.",
        edge: "An empty host is localhost. An address of our own is refused.",
        reload: false,
    },
    allowed: "`udp://HOST:PORT`, `tcp://HOST:PORT` or `HOST:PORT`",
    default: None,
};

/// `relay.node.health`
pub(crate) const RELAY_NODE_HEALTH: Text = Text {
    about: About {
        path: "relay.node.health",
        flag: None,
        effect: "The management port of the node. While it does not answer that it is up, the \
                 node's names go to the others.",
        edge: "`\"\"` asks nothing: the node is always up.",
        reload: false,
    },
    allowed: "`HOST:PORT`",
    default: Some(""),
};
