//! What an answer over HTTP means for what was sent.

use std::time::{Duration, SystemTime};

/// How long to leave a peer alone that does not know us: whoever has to put that right needs
/// longer than a peer that is busy.
const DENIED: Duration = Duration::from_secs(30);
/// The longest time that a peer can ask for.
const ASKED_MAX: Duration = Duration::from_mins(60);

/// What an answer means for what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The peer has it, or as much of it as its answer says.
    Taken,
    /// The same is to be sent again, and not before this time, where the peer asks for one.
    Later(Option<Duration>),
    /// Less is to be sent at a time.
    TooLarge,
    /// It will never be taken.
    Refused,
}

/// What a status means; `retry_after` is the header of this name.
///
/// | status | |
/// |---|---|
/// | 2xx | taken, whatever the body is |
/// | 408, 425, 429, 5xx | later, and when `Retry-After` says |
/// | 401, 403, 407 | later, after 30 s: a wrong token costs nothing until the queue is full |
/// | 413 | too large |
/// | any other | refused; redirects are not followed |
pub(crate) fn verdict(status: u16, retry_after: Option<&str>, now: SystemTime) -> Verdict {
    match status {
        200..=299 => Verdict::Taken,
        408 | 425 | 429 | 500..=599 => Verdict::Later(retry_after.and_then(|at| wait(at, now))),
        401 | 403 | 407 => Verdict::Later(Some(DENIED)),
        413 => Verdict::TooLarge,
        _ => Verdict::Refused,
    }
}

/// How long a `Retry-After` asks to wait: seconds or a date; see RFC 9110, 10.2.3.
fn wait(retry_after: &str, now: SystemTime) -> Option<Duration> {
    let text = retry_after.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has are a long time too.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(ASKED_MAX));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn f58_each_status_has_one_verdict() {
        use Verdict::{Later, Refused, Taken, TooLarge};
        let cases: [(&[u16], Verdict); 5] = [
            (&[200, 201, 202, 204, 206, 299], Taken),
            (&[408, 425, 429, 500, 502, 503, 504, 507, 599], Later(None)),
            (&[401, 403, 407], Later(Some(DENIED))),
            (&[413], TooLarge),
            (&[100, 301, 302, 304, 307, 308, 400, 404, 405, 410, 415, 422, 499, 600], Refused),
        ];
        for (statuses, expected) in cases {
            for status in statuses {
                assert_eq!(verdict(*status, None, at(0)), expected, "{status}");
            }
        }
    }

    #[test]
    fn f58_retry_after_is_seconds_or_a_date_and_never_too_long() {
        let wait = |text| match verdict(503, Some(text), at(784_111_777)) {
            Verdict::Later(wait) => wait.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait(" 0 "), Some(0));
        assert_eq!(wait("99999999999999999999999"), Some(3_600));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:27 GMT"), Some(0));
        assert_eq!(wait("Sat, 06 Nov 2094 08:49:27 GMT"), Some(3_600));
        for nonsense in ["", "soon", "-1", "1.5", "Sun, 99 Nov 1994 08:49:47 GMT"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }
}
