//! Packets that wait to be sent: as many bytes as there is room for, the newest.

use std::collections::VecDeque;

/// Bytes beyond a packet that a buffer has room for, so that the line which does not fit into it
/// any more is usually written without a new buffer.
const SPARE: usize = 2_048;
/// A packet that fills less than this part of its buffer is copied out of it.
const FILLED_LEAST: usize = 8;
/// What a packet costs beside its bytes.
const PACKET_COST: usize = 64;
/// The most buffers that are kept for later use.
const FREE_MAX: usize = 64;

/// Lines with newlines between them.
#[derive(Debug, Default)]
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    /// How many lines were counted for it.
    pub(crate) lines: u64,
}

impl Packet {
    /// Cuts off what is beyond so many bytes, at the end of a line. A line alone stays whole.
    pub(crate) fn split_off(&mut self, bytes_max: usize) -> Option<Self> {
        let head = self.bytes.get(..=bytes_max)?;
        let end = head.iter().rposition(|byte| *byte == b'\n')?;
        let rest = self.bytes[end + 1..].to_vec();
        self.bytes.truncate(end);
        let newlines = self.bytes.iter().filter(|byte| **byte == b'\n').count();
        let lines = (newlines as u64 + 1).min(self.lines);
        let rest = Self { bytes: rest, lines: self.lines - lines };
        self.lines = lines;
        Some(rest)
    }
}

/// Full packets, and buffers for more.
#[derive(Debug)]
pub(crate) struct Queue {
    packets: VecDeque<Packet>,
    /// The bytes in the packets, and what packets cost beside.
    bytes: usize,
    bytes_max: usize,
    /// The lines in the packets.
    lines: u64,
    free: Vec<Vec<u8>>,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let (packets, free) = (VecDeque::new(), Vec::new());
        Self { packets, bytes: 0, bytes_max, lines: 0, free }
    }

    /// Takes the bytes of a packet and leaves an empty buffer for the next. They become part of
    /// the newest packet where that is no longer than `merged_bytes` then. Where there is no room
    /// the oldest packets make some; returned is how many lines they had.
    pub(crate) fn push(&mut self, bytes: &mut Vec<u8>, lines: u64, merged_bytes: usize) -> u64 {
        let mut dropped = 0;
        while self.bytes + bytes.len() + PACKET_COST > self.bytes_max
            && let Some(oldest) = self.pop()
        {
            dropped += oldest.lines;
            self.recycle(oldest.bytes);
        }
        self.bytes += bytes.len();
        self.lines += lines;
        // A few bytes of several threads become one packet.
        if let Some(last) = self.packets.back_mut()
            && last.bytes.len() + 1 + bytes.len() <= merged_bytes
        {
            last.bytes.push(b'\n');
            last.bytes.append(bytes);
            last.lines += lines;
            self.bytes += 1;
            return dropped;
        }
        self.bytes += PACKET_COST;
        let bytes = if bytes.len() * FILLED_LEAST < bytes.capacity() {
            let copy = bytes.as_slice().to_vec();
            bytes.clear();
            copy
        } else {
            let fresh = self.buffer(merged_bytes);
            std::mem::replace(bytes, fresh)
        };
        self.packets.push_back(Packet { bytes, lines });
        dropped
    }

    /// The oldest packet.
    pub(crate) fn pop(&mut self) -> Option<Packet> {
        let packet = self.packets.pop_front()?;
        self.bytes -= packet.bytes.len() + PACKET_COST;
        self.lines -= packet.lines;
        Some(packet)
    }

    /// Puts a packet back, as the oldest.
    pub(crate) fn push_front(&mut self, packet: Packet) {
        self.bytes += packet.bytes.len() + PACKET_COST;
        self.lines += packet.lines;
        self.packets.push_front(packet);
    }

    /// An empty buffer, one that was used before where there is one.
    pub(crate) fn buffer(&mut self, packet_bytes: usize) -> Vec<u8> {
        self.free.pop().unwrap_or_else(|| Vec::with_capacity(packet_bytes + SPARE))
    }

    /// Takes a buffer for later use.
    pub(crate) fn recycle(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() >= SPARE && self.free.len() < FREE_MAX {
            bytes.clear();
            self.free.push(bytes);
        }
    }

    /// How many packets wait.
    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// How many lines wait.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut Queue, text: &str) -> u64 {
        let mut bytes = text.as_bytes().to_vec();
        let dropped = queue.push(&mut bytes, 1, 8);
        assert!(bytes.is_empty());
        dropped
    }

    #[test]
    fn short_packets_become_one_and_the_oldest_make_room() {
        let mut queue = Queue::new(20 + 3 * PACKET_COST);
        assert_eq!(push(&mut queue, "abcd"), 0);
        assert_eq!(push(&mut queue, "efg"), 0);
        assert_eq!((queue.len(), queue.lines()), (1, 2));
        assert_eq!(push(&mut queue, "h"), 0);
        assert_eq!(push(&mut queue, "12345678"), 0);
        assert_eq!((queue.len(), queue.lines(), queue.bytes), (3, 4, 17 + 3 * PACKET_COST));
        assert_eq!(push(&mut queue, "87654321"), 2);
        assert_eq!(queue.pop().unwrap().bytes, b"h");
        assert_eq!(queue.pop().unwrap().bytes, b"12345678");
        assert_eq!(queue.pop().unwrap().lines, 1);
        assert!(queue.pop().is_none());
        assert_eq!((queue.bytes, queue.lines()), (0, 0));
    }

    #[test]
    fn a_packet_that_is_too_long_now_is_cut_between_lines() {
        let mut packet = Packet { bytes: b"aaa\nbbb\nccc".to_vec(), lines: 3 };
        assert!(packet.split_off(11).is_none());
        let rest = packet.split_off(7).unwrap();
        assert_eq!((packet.bytes, packet.lines), (b"aaa\nbbb".to_vec(), 2));
        assert_eq!((&rest.bytes[..], rest.lines), (&b"ccc"[..], 1));
        let mut packet = Packet { bytes: b"aaa\nbbb".to_vec(), lines: 2 };
        assert_eq!(packet.split_off(6).unwrap().bytes, b"bbb");
        let mut packet = Packet { bytes: b"aaaaaa\nb".to_vec(), lines: 2 };
        assert!(packet.split_off(4).is_none());
    }

    #[test]
    fn buffers_are_used_again() {
        let mut queue = Queue::new(100_000);
        let mut bytes = Vec::with_capacity(SPARE);
        bytes.resize(1_000, b'a');
        queue.push(&mut bytes, 1, 8);
        let packet = queue.pop().unwrap();
        let place = packet.bytes.as_ptr();
        queue.recycle(packet.bytes);
        bytes.resize(1_000, b'a');
        queue.push(&mut bytes, 1, 8);
        assert_eq!(bytes.as_ptr(), place);
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_short_packet_holds_no_large_buffer() {
        let mut queue = Queue::new(100_000);
        let mut bytes = Vec::with_capacity(SPARE);
        bytes.extend_from_slice(b"12345678");
        let place = bytes.as_ptr();
        queue.push(&mut bytes, 1, 8);
        assert!(bytes.is_empty() && bytes.as_ptr() == place);
        let packet = queue.pop().unwrap();
        assert_eq!((&packet.bytes[..], packet.bytes.capacity()), (&b"12345678"[..], 8));
    }
}
