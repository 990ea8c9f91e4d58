//! A snapshot that goes to a peer in pieces, each of which has an answer.
//!
//! ```text
//! Encoder --> piece --> a request --> Outcome: taken    the next piece
//!                                              too large  half as much, from the same place
//!                                              refused  counted, the next piece
//!                                     or an error: later, from the same place
//! ```

use crate::{Receipt, SendError};

/// After so many points in a row that are too large alone, nothing is small enough for the peer.
const TOO_LARGE_MAX: u32 = 16;

/// Makes a snapshot into bodies of requests. Its entries are what a snapshot holds, in its order.
pub(crate) trait Encoder {
    /// Appends the next entries, in about so many bytes; at least one, where there is any.
    fn piece(&mut self, bytes: usize, body: &mut Vec<u8>) -> Piece;

    /// Goes to the entry of this number.
    fn seek(&mut self, entry: u64);
}

/// What a body holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    /// How many entries it takes care of; none at the end of the snapshot.
    pub(crate) entries: u64,
    /// Points in the body.
    pub(crate) points: u64,
    /// Points that the protocol has no form for.
    pub(crate) unencodable: u64,
}

/// What became of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The peer has it, but for so many points that it refused.
    Taken {
        /// Of the points.
        rejected: u64,
    },
    /// There is too much in it.
    TooLarge,
    /// The peer will never take it.
    Refused,
}

/// How far a snapshot has got.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The number of the snapshot.
    number: Option<u64>,
    /// How many entries need to be sent no more.
    done: u64,
    receipt: Receipt,
    /// How large a piece may be, as far as the peer has said.
    bytes: usize,
    bytes_max: usize,
    body: Vec<u8>,
}

impl Progress {
    /// With pieces of about so many bytes at most.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let receipt = Receipt::default();
        Self { number: None, done: 0, receipt, bytes: bytes_max, bytes_max, body: Vec::new() }
    }

    /// Whether the snapshot of this number comes for the first time.
    pub(crate) fn begin(&mut self, number: u64) -> bool {
        let is_new = self.number != Some(number);
        if is_new {
            (self.number, self.done, self.receipt) = (Some(number), 0, Receipt::default());
            // What was too large once need not be so for ever.
            self.bytes = self.bytes.saturating_mul(2).min(self.bytes_max);
        }
        is_new
    }

    /// Sends what is left of the snapshot that was begun. What it says when it is over holds for
    /// the whole of it.
    ///
    /// # Errors
    /// That of `post`; the next call goes on with the same piece.
    pub(crate) fn send(
        &mut self,
        encoder: &mut impl Encoder,
        mut post: impl FnMut(&[u8]) -> Result<Outcome, SendError>,
    ) -> Result<Receipt, SendError> {
        let mut too_large = 0;
        encoder.seek(self.done);
        loop {
            self.body.clear();
            let piece = encoder.piece(self.bytes, &mut self.body);
            if piece.entries == 0 {
                break;
            }
            let outcome = match self.body.is_empty() {
                true => Outcome::Taken { rejected: 0 },
                false if too_large >= TOO_LARGE_MAX => Outcome::Refused,
                false => post(&self.body)?,
            };
            let rejected = match outcome {
                Outcome::Taken { rejected } => {
                    // What was not sent says nothing.
                    too_large = if self.body.is_empty() { too_large } else { 0 };
                    rejected.min(piece.points)
                }
                Outcome::TooLarge if piece.entries > 1 => {
                    self.bytes = (self.body.len().min(self.bytes) / 2).max(1);
                    encoder.seek(self.done);
                    continue;
                }
                Outcome::TooLarge => {
                    too_large += 1;
                    piece.points
                }
                Outcome::Refused => piece.points,
            };
            self.done += piece.entries;
            self.receipt.rejected += rejected;
            self.receipt.unencodable += piece.unencodable;
        }
        self.number = None;
        Ok(self.receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries of 10 bytes; every third has no form.
    struct Tens {
        next: u64,
        all: u64,
    }

    impl Encoder for Tens {
        fn piece(&mut self, bytes: usize, body: &mut Vec<u8>) -> Piece {
            let mut piece = Piece::default();
            while self.next < self.all && (piece.entries == 0 || body.len() + 10 <= bytes) {
                match self.next % 3 {
                    2 => piece.unencodable += 1,
                    _ => {
                        body.extend_from_slice(format!("{:09}\n", self.next).as_bytes());
                        piece.points += 1;
                    }
                }
                piece.entries += 1;
                self.next += 1;
            }
            piece
        }

        fn seek(&mut self, entry: u64) {
            self.next = entry;
        }
    }

    fn lines(body: &[u8]) -> Vec<u64> {
        String::from_utf8_lossy(body).lines().map(|line| line.parse().unwrap()).collect()
    }

    fn busy() -> SendError {
        SendError::Busy { peer: String::new(), answer: String::new(), retry_after: None }
    }

    #[test]
    fn f58_what_is_too_large_is_halved_until_it_is_taken_and_nothing_comes_twice() {
        let mut progress = Progress::new(1_000);
        let mut taken = Vec::new();
        let mut sizes = Vec::new();
        assert!(progress.begin(7));
        let receipt = progress.send(&mut Tens { next: 0, all: 90 }, |body| {
            sizes.push(body.len());
            if body.len() > 150 {
                return Ok(Outcome::TooLarge);
            }
            taken.extend(lines(body));
            Ok(Outcome::Taken { rejected: 1 })
        });
        let expected: Vec<_> = (0..90).filter(|entry| entry % 3 != 2).collect();
        assert_eq!(taken, expected);
        assert_eq!(sizes[..3], [600, 300, 150]);
        assert_eq!(receipt.unwrap(), Receipt { rejected: 4, unencodable: 30 });
        // The next snapshot begins with more than what went through.
        assert!(progress.begin(8));
        assert_eq!(progress.bytes, 300);
    }

    #[test]
    fn f58_a_point_that_is_too_large_alone_is_refused_and_so_is_all_after_many_of_them() {
        let mut progress = Progress::new(100);
        progress.begin(0);
        let mut taken = Vec::new();
        let mut post = |body: &[u8]| match lines(body).contains(&4) {
            true => Ok(Outcome::TooLarge),
            false => {
                taken.extend(lines(body));
                Ok(Outcome::Taken { rejected: 0 })
            }
        };
        let receipt = progress.send(&mut Tens { next: 0, all: 8 }, &mut post).unwrap();
        assert_eq!(receipt, Receipt { rejected: 1, unencodable: 2 });
        assert_eq!(taken, [0, 1, 3, 6, 7]);
        let mut asked = 0;
        progress.begin(1);
        let receipt = progress.send(&mut Tens { next: 0, all: 3_000 }, |_| {
            asked += 1;
            Ok(Outcome::TooLarge)
        });
        assert_eq!(receipt.unwrap(), Receipt { rejected: 2_000, unencodable: 1_000 });
        assert!(asked < 30, "{asked}");
    }

    #[test]
    fn after_an_error_it_goes_on_where_it_was_and_tells_of_all() {
        let mut progress = Progress::new(30);
        let mut taken = Vec::new();
        let mut fails = [false, true, true, false, false, true].into_iter().cycle();
        let mut is_first = true;
        let receipt = loop {
            assert_eq!(progress.begin(3), std::mem::take(&mut is_first));
            let sent = progress.send(&mut Tens { next: 0, all: 20 }, |body| {
                if fails.next().unwrap() {
                    return Err(busy());
                }
                taken.extend(lines(body));
                Ok(Outcome::Refused)
            });
            if let Ok(receipt) = sent {
                break receipt;
            }
        };
        assert_eq!(taken, (0..20).filter(|entry| entry % 3 != 2).collect::<Vec<_>>());
        assert_eq!(receipt, Receipt { rejected: 14, unencodable: 6 });
        assert!(progress.begin(3), "it was over");
    }
}
