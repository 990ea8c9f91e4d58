//! The head of a request, looked at before anything else sees it.
//!
//! Stricter than HTTP has to be: what two programs could read in two ways is refused, so that
//! nothing is smuggled past one of them. No request here has a body.

use std::fmt;

/// How long a head may be, in bytes.
pub(super) const BYTES_MAX: usize = 16 * 1024;
/// How many header lines it may have.
const LINES_MAX: usize = 64;

/// Why a request is refused before it is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not HTTP/1, or could be read in two ways.
    Malformed,
    /// Its head is too long, or has too many lines.
    TooLarge,
    /// It has a body.
    HasBody,
    /// Its head took too long to come.
    Late,
}

impl Fault {
    /// The status line that it is answered with, without the version.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::HasBody => "413 Content Too Large",
            Self::Late => "408 Request Timeout",
        }
    }

    /// The own metric under which it is counted.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Malformed => "http.refused.malformed",
            Self::TooLarge => "http.refused.head_too_long",
            Self::HasBody => "http.refused.body",
            Self::Late => "http.refused.timeout",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a plain request of HTTP/1",
            Self::TooLarge => "the head of the request is too long",
            Self::HasBody => "no request here has a body",
            Self::Late => "the request took too long to come",
        })
    }
}

/// Looks at what has come of a request; all of it before `seen` was looked at already. Gives the
/// length of its head once that is whole.
///
/// # Errors
/// It is refused, whatever follows.
pub(super) fn look(bytes: &[u8], seen: usize) -> Result<Option<usize>, Fault> {
    let from = seen.saturating_sub(3);
    for at in from..bytes.len() {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        match bytes[at] {
            b'\n' if before != Some(b'\r') => return Err(Fault::Malformed),
            b'\n' if bytes[..at].ends_with(b"\r\n\r") => {
                let end = at + 1;
                return check(&bytes[..end]).map(|()| Some(end));
            }
            b'\n' => {}
            _ if before == Some(b'\r') => return Err(Fault::Malformed),
            b'\r' | b'\t' => {}
            0..32 | 127 => return Err(Fault::Malformed),
            _ => {}
        }
    }
    if bytes.len() > BYTES_MAX { Err(Fault::TooLarge) } else { Ok(None) }
}

/// Checks a whole head, its last empty line included.
fn check(head: &[u8]) -> Result<(), Fault> {
    if head.len() > BYTES_MAX {
        return Err(Fault::TooLarge);
    }
    // Each line ends with \r\n, and the last one is empty: both ends of it are cut off.
    let mut lines = head[..head.len() - 4].split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    let is_old = request_line(lines.next().unwrap_or_default())?;
    let (mut hosts, mut lengths, mut count, mut has_body) = (0, 0, 0, false);
    for line in lines {
        count += 1;
        if count > LINES_MAX {
            return Err(Fault::TooLarge);
        }
        let colon = line.iter().position(|&byte| byte == b':').ok_or(Fault::Malformed)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // A line that goes on from the last one begins with a blank.
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
            return Err(Fault::Malformed);
        }
        match name.to_ascii_lowercase().as_slice() {
            b"host" => hosts += 1,
            b"transfer-encoding" => return Err(Fault::Malformed),
            b"content-length" => {
                lengths += 1;
                has_body |= body_bytes(value)?;
            }
            _ => {}
        }
    }
    let has_host = hosts == 1 || is_old && hosts == 0;
    match (has_host && lengths <= 1, has_body) {
        (false, _) => Err(Fault::Malformed),
        (true, true) => Err(Fault::HasBody),
        (true, false) => Ok(()),
    }
}

/// Reads the first line. Says whether it is of HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Fault> {
    let parts: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let &[method, target, version] = parts.as_slice() else { return Err(Fault::Malformed) };
    let is_method = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    // Only a proxy is asked for `http://...`, and we are none.
    let is_target = target.starts_with(b"/") && target.is_ascii();
    match version {
        b"HTTP/1.0" if is_method && is_target => Ok(true),
        b"HTTP/1.1" if is_method && is_target => Ok(false),
        _ => Err(Fault::Malformed),
    }
}

/// Reads the length of a body. Says whether there is any of it.
fn body_bytes(length: &[u8]) -> Result<bool, Fault> {
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Malformed);
    }
    Ok(!length.iter().all(|&digit| digit == b'0'))
}

/// Whether a byte may stand in the name of a header: RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<(), Fault> {
        let head = look(text.as_bytes(), 0)?;
        assert_eq!(head, Some(text.find("\r\n\r\n").unwrap() + 4), "{text:?}");
        Ok(())
    }

    #[test]
    fn a_head_is_whole_at_its_empty_line_in_whatever_pieces_it_comes() {
        let text = b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: \tb \r\n\r\nGET /";
        let end = text.len() - 5;
        for came in 0..=text.len() {
            let expected = (came >= end).then_some(end);
            for seen in 0..=came.min(end - 1) {
                assert_eq!(look(&text[..came], seen), Ok(expected), "{came} {seen}");
            }
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let with = |lines: &str| whole(&format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n"));
        for lines in [
            "Content-Length: 0\r\nTransfer-Encoding: chunked",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked",
            "transfer-encoding: identity",
            "Content-Length: 0\r\nContent-Length: 0",
            "Content-Length: +0",
            "Content-Length: 0x0",
            "Content-Length: 0, 0",
            "Content-Length:",
            "Content-Length : 0",
            "Host: b",
            "X: a\r\n folded",
            ": no name",
            "no colon",
            "X\u{e9}: a",
        ] {
            assert_eq!(with(lines), Err(Fault::Malformed), "{lines:?}");
        }
        assert_eq!(with("Content-Length: 0"), Ok(()));
        assert_eq!(with("Content-Length: 000"), Ok(()));
        assert_eq!(with("Content-Length: 1"), Err(Fault::HasBody));
        assert_eq!(with("Content-Length: 99999999999999999999999"), Err(Fault::HasBody));
    }

    #[test]
    fn the_first_line_is_a_method_a_path_and_a_version() {
        let of = |line: &str| whole(&format!("{line}\r\nHost: a\r\n\r\n"));
        assert_eq!(of("GET / HTTP/1.1"), Ok(()));
        assert_eq!(of("GET /a?b=/c HTTP/1.0"), Ok(()));
        for line in [
            "GET http://a/ HTTP/1.1",
            "GET * HTTP/1.1",
            "CONNECT a:1 HTTP/1.1",
            "GET / HTTP/2.0",
            "GET / HTTP/1.2",
            "GET /",
            "GET  / HTTP/1.1",
            "get / HTTP/1.1",
            " GET / HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "",
        ] {
            assert_eq!(of(line), Err(Fault::Malformed), "{line:?}");
        }
        assert_eq!(whole("GET / HTTP/1.0\r\n\r\n"), Ok(()));
        assert_eq!(whole("GET / HTTP/1.1\r\n\r\n"), Err(Fault::Malformed));
    }

    #[test]
    fn bare_ends_of_lines_and_control_characters_are_refused_at_once() {
        for text in ["GET / HTTP/1.1\n", "GET /\r ", "\n", "GET /\0", "GET /\u{7f}", "A\u{1b}"] {
            assert_eq!(look(text.as_bytes(), 0), Err(Fault::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_head_has_a_bound_and_so_have_its_lines() {
        let long = format!("GET / HTTP/1.1\r\nHost: {}", "a".repeat(BYTES_MAX));
        assert_eq!(look(long.as_bytes(), 0), Err(Fault::TooLarge));
        assert_eq!(look(format!("{long}\r\n\r\n").as_bytes(), 0), Err(Fault::TooLarge));
        let lines = |count| whole(&format!("GET / HTTP/1.0\r\n{}\r\n", "a: b\r\n".repeat(count)));
        assert_eq!(lines(LINES_MAX), Ok(()));
        assert_eq!(lines(LINES_MAX + 1), Err(Fault::TooLarge));
    }
}
