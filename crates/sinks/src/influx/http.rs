//! InfluxDB over HTTP: `/write` of version 1, `/api/v2/write` of version 2 and 3, and whatever else
//! takes lines so (VictoriaMetrics, Telegraf, QuestDB).

use gstatsd_aggregate::{Naming, Snapshot};
use std::sync::Arc;

use super::{InfluxLines, Precision};
use crate::http::{Answer, HttpClient, HttpSettings, Verdict, shown};
use crate::pieces::{Encoder, Outcome, Piece, Progress};
use crate::{Clock, PointCounter, Receipt, SendError, Sink};

/// How large a body is before it is compressed: some ten thousand lines, as InfluxDB advises.
const PIECE: usize = 1 << 20;

/// Posts lines to InfluxDB. Where a line was written already the same is written again, which
/// changes nothing.
#[derive(Debug)]
pub struct InfluxHttp {
    client: HttpClient,
    progress: Progress,
}

impl InfluxHttp {
    /// Makes a sink; it connects when there is something to send. The url has the way to write, and
    /// `precision=s` in its query.
    #[must_use]
    pub fn new(settings: HttpSettings, clock: Clock) -> Self {
        Self { client: HttpClient::new(settings, clock), progress: Progress::new(PIECE) }
    }
}

impl Sink for InfluxHttp {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, _| InfluxLines::count(snapshot))
    }

    fn takes_any_order(&self) -> bool {
        true
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        let Self { client, progress } = self;
        progress.begin(snapshot.number);
        let mut lines = Lines::new(snapshot, naming);
        progress.send(&mut lines, |body| {
            let answer = client.post(&[("Content-Type", "text/plain; charset=utf-8")], body)?;
            match answer.verdict {
                Verdict::Taken => Ok(Outcome::Taken { rejected: 0 }),
                Verdict::TooLarge => Ok(Outcome::TooLarge),
                Verdict::Later(after) => Err(client.busy(&answer, after)),
                Verdict::Refused => {
                    log::debug!("{} answers {}", client.peer(), answer.shown());
                    Ok(refused(&answer))
                }
            }
        })
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        let mut text = Vec::new();
        InfluxLines::new(snapshot, naming, Precision::Seconds).write(&mut text, usize::MAX);
        String::from_utf8_lossy(&text).lines().for_each(show);
    }
}

/// What is left of a body that was refused: version 1 writes what it can, and says
/// `partial write: ... dropped=3`.
fn refused(answer: &Answer) -> Outcome {
    let text = shown(&answer.body);
    let number = text.contains("partial write").then(|| text.split("dropped=").nth(1)).flatten();
    let digits = number.map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse()
    });
    match digits {
        Some(Ok(rejected)) => Outcome::Taken { rejected },
        _ => Outcome::Refused,
    }
}

/// The lines of a snapshot.
struct Lines<'s> {
    snapshot: &'s Snapshot,
    naming: &'s Naming,
    lines: InfluxLines<'s>,
}

impl<'s> Lines<'s> {
    fn new(snapshot: &'s Snapshot, naming: &'s Naming) -> Self {
        let lines = InfluxLines::new(snapshot, naming, Precision::Seconds);
        Self { snapshot, naming, lines }
    }
}

impl Encoder for Lines<'_> {
    fn piece(&mut self, bytes: usize, body: &mut Vec<u8>) -> Piece {
        let points = self.lines.write(body, bytes);
        Piece { entries: points, points, unencodable: 0 }
    }

    fn seek(&mut self, entry: u64) {
        self.lines = InfluxLines::new(self.snapshot, self.naming, Precision::Seconds);
        self.lines.skip(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f58_a_partial_write_says_how_many_lines_were_dropped() {
        let outcome = |status, body: &str| {
            let verdict = Verdict::Refused;
            refused(&Answer { verdict, status, body: body.as_bytes().to_vec() })
        };
        let partial = r#"{"error":"partial write: field type conflict: input field \"value\" on
            measurement \"a\" is type float, already exists as type integer dropped=3"}"#;
        let cases = [
            (partial, Outcome::Taken { rejected: 3 }),
            (
                "partial write: points beyond retention policy dropped=12",
                Outcome::Taken { rejected: 12 },
            ),
            ("unable to parse 'x': missing fields", Outcome::Refused),
            ("partial write: dropped=", Outcome::Refused),
            ("partial write: dropped=99999999999999999999999", Outcome::Refused),
            ("the dropped=3", Outcome::Refused),
            ("", Outcome::Refused),
        ];
        for (body, expected) in cases {
            assert_eq!(outcome(400, body), expected, "{body}");
        }
    }
}
