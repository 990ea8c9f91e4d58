//! A client before servers that answer anything.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use flate2::read::GzDecoder;

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]
const CLOCK: Clock = Clock { now: std::time::Instant::now, wall: std::time::SystemTime::now };

/// Reads the head and the body of a request.
fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

/// A server whose connections are served so, one after the other.
fn serving(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(serve));
    address
}

/// A server that gives these bytes to whoever asks.
fn answering(answer: &'static str) -> SocketAddr {
    serving(move |mut stream| {
        read_request(&mut stream);
        stream.write_all(answer.as_bytes()).ok();
    })
}

fn client(address: SocketAddr, timeout: Duration) -> HttpClient {
    let url = format!("http://{address}/write?db=x");
    let headers = vec![("Authorization".to_owned(), Secret::new("Bearer s3cret"))];
    let settings = HttpSettings { url, headers, timeout, gzip: false, tls: None };
    HttpClient::new(settings, CLOCK)
}

const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn a_request_has_its_headers_and_its_body_once() {
    let (sender, received) = std::sync::mpsc::channel();
    let address = serving(move |mut stream| {
        // The connection is kept for the next.
        for _ in 0..2 {
            sender.send(read_request(&mut stream)).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    });
    let mut client = client(address, PATIENCE);
    let answer = client.post(&[("Content-Type", "text/x")], b"first").unwrap();
    assert_eq!((answer.verdict, answer.status, answer.body), (Verdict::Taken, 204, Vec::new()));
    client.settings.gzip = true;
    client.post(&[], &[b'a'; 10_000]).unwrap();
    let (head, body) = received.recv().unwrap();
    assert!(head.starts_with("post /write?db=x http/1.1\r\n"), "{head}");
    for line in ["authorization: bearer s3cret\r\n", "content-type: text/x\r\n"] {
        assert!(head.contains(line), "{head}");
    }
    assert_eq!((body, head.contains("gzip")), (b"first".to_vec(), false));
    let (head, body) = received.recv().unwrap();
    assert!(head.contains("content-encoding: gzip\r\n") && body.len() < 500, "{head}");
    let mut plain = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, [b'a'; 10_000]);
}

#[test]
fn f58_redirects_are_not_followed_and_a_body_is_shown_in_one_line() {
    let moved = "HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let answer = client(answering(moved), PATIENCE).post(&[], b"x").unwrap();
    assert_eq!((answer.verdict, answer.shown()), (Verdict::Refused, "307".to_owned()));
    let said = "HTTP/1.1 400 Bad\r\nContent-Length: 13\r\n\r\nbad\x1b[31m\r\nno.";
    let answer = client(answering(said), PATIENCE).post(&[], b"x").unwrap();
    assert_eq!((answer.verdict, answer.shown()), (Verdict::Refused, "400: bad [31m no.".into()));
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n";
    let answer = client(answering(busy), PATIENCE).post(&[], b"x").unwrap();
    assert_eq!(answer.verdict, Verdict::Later(Some(Duration::from_secs(9))));
}

#[test]
fn f59_an_endless_body_is_read_to_64_kib_and_its_status_counts() {
    let address = serving(|mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while stream.write_all(&[b'x'; 4_096]).is_ok() {}
    });
    let answer = client(address, PATIENCE).post(&[], b"x").unwrap();
    assert_eq!((answer.verdict, answer.body.len()), (Verdict::Taken, ANSWER_BYTES_MAX));
    assert_eq!(answer.shown().len(), "200: ".len() + SHOWN_MAX);
}

#[test]
fn f59_a_server_that_drips_or_never_answers_ends_with_the_time_out() {
    let endless_head = |mut stream: TcpStream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
        while stream.write_all(b"X: y\r\n").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    };
    for address in [serving(endless_head), serving(|_| thread::sleep(PATIENCE))] {
        let error = client(address, SHORT).post(&[], b"x").unwrap_err();
        assert!(matches!(error, SendError::NoAnswer { .. }), "{error:?}");
        assert!(error.to_string().contains("none within 300ms"), "{error}");
    }
    let dripping = |mut stream: TcpStream| {
        stream.write_all(b"HTTP/1.1 500 Oh\r\n\r\n").unwrap();
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    };
    let answer = client(serving(dripping), SHORT).post(&[], b"x").unwrap();
    assert_eq!(answer.verdict, Verdict::Later(None));
}

#[test]
fn f59_a_head_without_end_is_an_error_and_no_memory() {
    let address = serving(|mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").unwrap();
        while stream.write_all(&[b'x'; 4_096]).is_ok() {}
    });
    let error = client(address, PATIENCE).post(&[], b"x").unwrap_err();
    assert!(matches!(error, SendError::NoAnswer { .. }), "{error:?}");
}

#[test]
fn what_is_no_answer_is_an_error_that_does_not_show_the_token() {
    let cases = ["", "HTTP/1.1 200", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 9999 X\r\n\r\n"];
    for answer in cases {
        let mut client = client(answering(answer), PATIENCE);
        let error = client.post(&[], b"x").unwrap_err();
        assert!(!format!("{error:?} {client:?}").contains("s3cret"), "{error:?}");
        assert!(error.retry_after().is_none() && !error.is_final(), "{answer:?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client(closed, PATIENCE).post(&[], b"x").unwrap_err();
    assert!(matches!(error, SendError::Connect { .. }), "{error:?}");
}

#[test]
fn a_header_is_checked_without_being_shown() {
    assert_eq!(check_header("X-Scope-OrgID", &Secret::new("me")), Ok(()));
    assert!(check_header("a b", &Secret::new("me")).unwrap_err().contains("'a b'"));
    let error = check_header("Authorization", &Secret::new("s3cret\n")).unwrap_err();
    assert!(error.contains("'Authorization'") && !error.contains("s3cret"), "{error}");
}

#[test]
fn a_peer_is_the_host_and_the_port_of_its_url() {
    for (url, expected) in
        [("http://a:1/b?c", "a:1"), ("https://[::1]:2", "[::1]:2"), ("http://a:1?db=b/c", "a:1")]
    {
        assert_eq!(peer(url), expected);
    }
}
