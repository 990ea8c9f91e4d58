//! A sink of StatsD.

use gstatsd_sinks::StatsdSettings;
use gstatsd_wire::TagStyle;

use super::{Draft, Typed};
use crate::config::{Address, StatsdPeer, Transport, keys::sinks};

/// The keys of its own.
pub(super) fn keys(transport: Transport) -> &'static [&'static str] {
    match transport {
        Transport::Udp => &["packet_bytes", "tag_style", "pack_values"],
        Transport::Tcp => {
            &["connect_timeout", "write_timeout", "packet_bytes", "tag_style", "pack_values"]
        }
    }
}

impl Draft<'_> {
    pub(super) fn statsd(
        &mut self,
        typed: &Typed,
        transport: Transport,
        address: Address,
    ) -> StatsdPeer {
        let given = &typed.keys;
        let lines = StatsdSettings {
            style: self.tag_style(typed),
            packed: given.pack_values.unwrap_or(sinks::PACK_VALUES.default),
            packet_bytes: self.packet_bytes(typed),
        };
        let [connect_timeout, write_timeout] = [
            (&sinks::CONNECT_TIMEOUT, given.connect_timeout),
            (&sinks::WRITE_TIMEOUT, given.write_timeout),
        ]
        .map(|(key, given)| self.sink_seconds(key, typed, given));
        StatsdPeer { transport, address, lines, connect_timeout, write_timeout }
    }

    fn tag_style(&mut self, typed: &Typed) -> TagStyle {
        let Some(word) = &typed.keys.tag_style else { return TagStyle::DogStatsd };
        let style = TagStyle::ALL.into_iter().find(|style| style.word() == word);
        style.unwrap_or_else(|| {
            let wrong = format!("'{word}' is not {}", sinks::TAG_STYLE.bounds());
            self.wrong_in_file(&typed.path(&sinks::TAG_STYLE.about), &wrong);
            TagStyle::DogStatsd
        })
    }
}
