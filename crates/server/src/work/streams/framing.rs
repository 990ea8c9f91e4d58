//! Divides the bytes of a connection into frames: lines, or packets with their length before
//! them. Pure: however the bytes are cut into pieces on their way, the frames are the same.

use crate::config::Framing;

/// What stands before a packet: its length, the lowest byte first.
const LENGTH_BYTES: usize = 4;

/// Divides the bytes of one connection.
#[derive(Debug)]
pub(super) struct Framer {
    framing: Framing,
    frame_bytes_max: usize,
    /// The begin of a frame that is not whole yet; with its length, where it has one before it.
    /// It grows as the bytes come, never because a length announces them.
    begun: Vec<u8>,
}

/// A frame is longer than it may be. What comes after it cannot be told apart any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Whole frames, one after the other: lines as one text with their newlines, packets one by one.
#[derive(Clone, Debug)]
pub(super) struct Frames<'a> {
    framing: Framing,
    bytes: &'a [u8],
}

/// Where the whole frames at the front of some bytes end, and whether the next one is too long.
struct Whole {
    end: usize,
    too_long: bool,
}

impl Framer {
    /// Nothing has come yet.
    pub(super) fn new(framing: Framing, frame_bytes_max: usize) -> Self {
        Self { framing, frame_bytes_max, begun: Vec::new() }
    }

    /// Takes the next bytes, and hands on the frames that they make whole, in order, in one or
    /// two calls.
    ///
    /// # Errors
    /// A frame is too long. Those before it were handed on.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Frames<'_>),
    ) -> Result<(), TooLong> {
        let mut rest = bytes;
        while !self.begun.is_empty() && !rest.is_empty() {
            rest = self.go_on(rest)?;
            let whole = self.whole(&self.begun);
            if whole.end > 0 {
                take(Frames { framing: self.framing, bytes: &self.begun });
                self.begun.clear();
            }
        }
        let whole = self.whole(rest);
        let (frames, rest) = rest.split_at(whole.end);
        if !frames.is_empty() {
            take(Frames { framing: self.framing, bytes: frames });
        }
        // Of one that is too long no more than may be held, to be shown.
        self.begun.extend_from_slice(&rest[..rest.len().min(self.frame_bytes_max + LENGTH_BYTES)]);
        if whole.too_long { Err(TooLong) } else { Ok(()) }
    }

    /// The begin of a frame whose rest has not come, or that is too long; `None` where there is
    /// nothing between two frames.
    pub(super) fn begun(&self) -> Option<&[u8]> {
        let text = match self.framing {
            Framing::Lines => self.begun.as_slice(),
            Framing::LengthPrefixed => self.begun.get(LENGTH_BYTES..).unwrap_or_default(),
        };
        (!self.begun.is_empty()).then_some(text)
    }

    /// The bytes of the frame that has begun, all of them: pushed to another framer they leave that
    /// where this one is.
    pub(super) fn into_begun(self) -> Vec<u8> {
        self.begun
    }

    /// Adds to the frame that has begun what belongs to it, and gives the rest.
    fn go_on<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], TooLong> {
        let missing = match self.framing {
            Framing::Lines => {
                let room = self.frame_bytes_max - self.begun.len();
                match bytes.iter().take(room + 1).position(|byte| *byte == b'\n') {
                    Some(at) => at + 1,
                    None if bytes.len() > room => {
                        self.begun.extend_from_slice(&bytes[..room]);
                        return Err(TooLong);
                    }
                    None => bytes.len(),
                }
            }
            Framing::LengthPrefixed => match announced(&self.begun) {
                None => LENGTH_BYTES - self.begun.len(),
                Some(length) => LENGTH_BYTES + length - self.begun.len(),
            },
        };
        let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
        self.begun.extend_from_slice(taken);
        match self.framing {
            Framing::LengthPrefixed if self.is_too_long(&self.begun) => Err(TooLong),
            _ => Ok(rest),
        }
    }

    /// Whether a length announces more than may come.
    fn is_too_long(&self, bytes: &[u8]) -> bool {
        announced(bytes).is_some_and(|length| length > self.frame_bytes_max)
    }

    fn whole(&self, bytes: &[u8]) -> Whole {
        match self.framing {
            Framing::Lines => self.whole_lines(bytes),
            Framing::LengthPrefixed => self.whole_packets(bytes),
        }
    }

    /// The last newline that the longest line could have is looked for from behind: the lines
    /// before it are short enough, and need not be looked at one by one.
    fn whole_lines(&self, bytes: &[u8]) -> Whole {
        let mut end = 0;
        loop {
            let rest = &bytes[end..];
            let window = &rest[..rest.len().min(self.frame_bytes_max + 1)];
            match window.iter().rposition(|byte| *byte == b'\n') {
                Some(newline) => end += newline + 1,
                None => return Whole { end, too_long: window.len() > self.frame_bytes_max },
            }
        }
    }

    fn whole_packets(&self, bytes: &[u8]) -> Whole {
        let mut end = 0;
        loop {
            let rest = &bytes[end..];
            let too_long = self.is_too_long(rest);
            match packet_bytes(rest).filter(|bytes| !too_long && *bytes <= rest.len()) {
                Some(bytes) => end += bytes,
                None => return Whole { end, too_long },
            }
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.bytes.is_empty() {
            return None;
        }
        let (skipped, frame_bytes) = match self.framing {
            Framing::Lines => (0, self.bytes.len()),
            Framing::LengthPrefixed => (LENGTH_BYTES, packet_bytes(self.bytes)?),
        };
        let (frame, rest) = self.bytes.split_at_checked(frame_bytes)?;
        self.bytes = rest;
        frame.get(skipped..)
    }
}

/// The length of a packet with what stands before it.
fn packet_bytes(bytes: &[u8]) -> Option<usize> {
    announced(bytes).map(|length| length.saturating_add(LENGTH_BYTES))
}

/// The length that stands before a packet, once all of it has come.
fn announced(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?);
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
