//! How segments look: what stands at their begin and end, and before each record. All numbers
//! are little-endian.
//!
//! ```text
//! segment  magic 8 | version u16 | reserved u16 | spool u32 | first number u64 | created i64
//!          | reserved 28 | crc32c u32                                          64 bytes
//! record   marker u32 | length u32 | number u64 | timestamp i64 | points u32 | codec u8
//!          | flags u8 | reserved u16 | crc32c u32 | payload | crc32c of the payload u32
//! footer   marker u32 | reserved u32 | records u64 | points u64 | end u64 | last number u64
//!          | reserved u32 | crc32c u32                          48 bytes, of sealed ones alone
//! ```

use crc32c::crc32c;

/// The first bytes of a segment.
const MAGIC: [u8; 8] = *b"gstspool";
/// The version that is written; older ones are read.
const VERSION: u16 = 1;
/// The bytes before the first record.
pub(super) const SEGMENT_HEAD: usize = 64;
/// The bytes before a payload, and behind it.
pub(super) const RECORD_HEAD: usize = 40;
pub(super) const RECORD_TAIL: usize = 4;
/// The bytes at the end of a sealed segment.
pub(super) const FOOTER: usize = 48;
/// The first bytes of a record and of a footer: unlikely in text, and not symmetric.
pub(super) const MARKER: [u8; 4] = [0xC5, 0x51, 0x8E, 0x1B];
const FOOTER_MARKER: [u8; 4] = [0xC5, 0x51, 0x8E, 0x2F];

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    /// A checksum of the name of the spool.
    pub(super) spool: u32,
    /// The number of its first record.
    pub(super) first: u64,
    /// The timestamp of its first record.
    pub(super) created: i64,
}

/// How the begin of a segment was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Good(SegmentHead),
    /// A later version wrote it.
    Newer,
    Damaged,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) length: u32,
    pub(super) number: u64,
    pub(super) timestamp: i64,
    pub(super) points: u32,
    pub(super) codec: u8,
}

/// What a sealed segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) records: u64,
    pub(super) points: u64,
    /// Where the records end.
    pub(super) end: u64,
    pub(super) last: u64,
}

impl SegmentHead {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEAD] {
        let mut bytes = [0; SEGMENT_HEAD];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.spool.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.created.to_le_bytes());
        seal(&mut bytes);
        bytes
    }
}

impl Head {
    pub(super) fn decode(bytes: &[u8; SEGMENT_HEAD]) -> Self {
        if !is_sealed(bytes) || bytes[..8] != MAGIC {
            return Self::Damaged;
        }
        if u16::from_le_bytes([bytes[8], bytes[9]]) > VERSION {
            return Self::Newer;
        }
        Self::Good(SegmentHead {
            spool: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
            created: u64_at(bytes, 24).cast_signed(),
        })
    }
}

impl RecordHead {
    pub(super) fn encode(&self) -> [u8; RECORD_HEAD] {
        let mut bytes = [0; RECORD_HEAD];
        bytes[..4].copy_from_slice(&MARKER);
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.timestamp.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.points.to_le_bytes());
        bytes[28] = self.codec;
        seal(&mut bytes);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; RECORD_HEAD]) -> Option<Self> {
        (bytes[..4] == MARKER && is_sealed(bytes)).then(|| Self {
            length: u32_at(bytes, 4),
            number: u64_at(bytes, 8),
            timestamp: u64_at(bytes, 16).cast_signed(),
            points: u32_at(bytes, 24),
            codec: bytes[28],
        })
    }

    /// How many bytes the record takes.
    pub(super) fn bytes(&self) -> u64 {
        (RECORD_HEAD + RECORD_TAIL) as u64 + u64::from(self.length)
    }
}

impl Footer {
    pub(super) fn encode(&self) -> [u8; FOOTER] {
        let mut bytes = [0; FOOTER];
        bytes[..4].copy_from_slice(&FOOTER_MARKER);
        bytes[8..16].copy_from_slice(&self.records.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.points.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.end.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.last.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// The footer at the end of a file of so many bytes.
    pub(super) fn decode(bytes: &[u8; FOOTER], file_bytes: u64) -> Option<Self> {
        let footer = Self {
            records: u64_at(bytes, 8),
            points: u64_at(bytes, 16),
            end: u64_at(bytes, 24),
            last: u64_at(bytes, 32),
        };
        let is_in_place = footer.end.checked_add(FOOTER as u64) == Some(file_bytes);
        (bytes[..4] == FOOTER_MARKER && is_in_place && is_sealed(bytes)).then_some(footer)
    }
}

/// Puts the checksum of the bytes before it into the last four.
fn seal(bytes: &mut [u8]) {
    let (told, crc) = bytes.split_at_mut(bytes.len() - 4);
    crc.copy_from_slice(&crc32c(told).to_le_bytes());
}

fn is_sealed(bytes: &[u8]) -> bool {
    let (told, crc) = bytes.split_at(bytes.len() - 4);
    crc == crc32c(told).to_le_bytes()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}
