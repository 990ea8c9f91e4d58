//! Where what a worker receives goes: into its table, and on to others where it is to be.

use std::time::Instant;

use gstatsd_aggregate::{Order, Table};

use super::ListenerId;
use crate::forward::Forwarder;
use crate::sys::Packet;

/// How many bytes of a connection are passed on as one packet, if lines are not longer: what fits
/// into a frame of Ethernet.
const PIECE_BYTES: usize = 1_432;

/// Where what is received in one round goes.
pub(super) struct Intake<'a> {
    pub(super) table: &'a mut Table,
    pub(super) dialects: &'a Dialects,
    /// Passes on what is received, where it is to be.
    pub(super) forwarder: Option<&'a mut Forwarder>,
    pub(super) order: Order,
    /// When the round began.
    pub(super) now: Instant,
}

/// The number of each listener's dialect.
#[derive(Debug, Default)]
pub(super) struct Dialects(Vec<u8>);

impl Dialects {
    pub(super) fn set(&mut self, ListenerId(listener): ListenerId, dialect: u8) {
        if listener >= self.0.len() {
            self.0.resize(listener + 1, 0);
        }
        self.0[listener] = dialect;
    }

    /// That of the daemon for a listener that was never opened.
    fn of(&self, ListenerId(listener): ListenerId) -> u8 {
        self.0.get(listener).copied().unwrap_or(0)
    }
}

impl Intake<'_> {
    /// Takes in datagrams that came to a listener.
    pub(super) fn packets<'p>(
        &mut self,
        listener: ListenerId,
        packets: impl Iterator<Item = Packet<'p>>,
    ) {
        let log_packets = log::log_enabled!(log::Level::Trace);
        let forwarder = &mut self.forwarder;
        self.table.batch_of(self.dialects.of(listener), self.order, |batch| {
            for packet in packets {
                if log_packets {
                    log::trace!("packet: '{}'", packet.bytes.escape_ascii());
                }
                if let Some(forwarder) = forwarder
                    && !forwarder.lines(packet.bytes, packet.truncated, batch.counts_mut())
                {
                    batch.count_packet(packet.bytes);
                    continue;
                }
                match packet.truncated {
                    false => batch.packet(packet.bytes),
                    true => batch.truncated_packet(packet.bytes),
                }
            }
        });
        self.settle();
    }

    /// Takes in whole lines that came over a connection of a listener.
    pub(super) fn lines<'p>(
        &mut self,
        listener: ListenerId,
        frames: impl Iterator<Item = &'p [u8]>,
    ) {
        let forwarder = &mut self.forwarder;
        self.table.batch_of(self.dialects.of(listener), self.order, |batch| {
            for frame in frames {
                let Some(forwarder) = forwarder else {
                    batch.lines(frame);
                    continue;
                };
                let mut is_ours = true;
                for piece in pieces(frame) {
                    is_ours = forwarder.lines(piece, false, batch.counts_mut());
                }
                if is_ours {
                    batch.lines(frame);
                }
            }
        });
        self.settle();
    }

    fn settle(&mut self) {
        if let Some(forwarder) = &mut self.forwarder {
            forwarder.settle();
        }
    }
}

/// Lines in pieces that can be packets.
fn pieces(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_newline = |byte: &u8| *byte == b'\n';
    std::iter::from_fn(move || {
        if lines.is_empty() {
            return None;
        }
        let window = &lines[..lines.len().min(PIECE_BYTES)];
        let end = match window.iter().rposition(is_newline) {
            _ if window.len() == lines.len() => lines.len(),
            Some(newline) => newline + 1,
            None => lines.iter().position(is_newline).map_or(lines.len(), |newline| newline + 1),
        };
        let (piece, rest) = lines.split_at(end);
        lines = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_into_packets_between_them() {
        let lengths = |lines: &[u8]| -> Vec<usize> { pieces(lines).map(<[u8]>::len).collect() };
        assert_eq!(lengths(b""), [0; 0]);
        assert_eq!(lengths(b"a:1|c\nb:1|c"), [11]);
        let line = [&[b'x'; 999][..], b"\n"].concat();
        assert_eq!(lengths(&line.repeat(3)), [1_000; 3]);
        let short = b"0123456\n".repeat(400);
        assert_eq!(lengths(&short), [1_432, 1_432, 336]);
        let long = [&b"a\n"[..], &[b'x'; 2_000], b"\nb\n", &[b'y'; 1_500]].concat();
        assert_eq!(lengths(&long), [2, 2_001, 2, 1_500]);
        assert_eq!(pieces(&long).collect::<Vec<_>>().concat(), long);
    }
}
