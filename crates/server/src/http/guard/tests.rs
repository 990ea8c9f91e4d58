//! Tests of who may ask for what.

use super::*;

const TOKEN: &str = "0123456789abcdef";

fn guard(token: Option<&str>, covers_reading: bool) -> Guard {
    let token = token.map(|token| Token::parse(token).unwrap());
    Guard { hosts: vec!["stats.example".to_owned()], token, covers_reading }
}

fn ask(guard: &Guard, method: &Method, path: &str, lines: &[(&str, &str)]) -> Option<Refusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    guard.admit(method, path, &headers, Some("192.0.2.7:9125".parse().unwrap())).err()
}

#[test]
fn f44_only_our_own_names_lead_here() {
    let guard = guard(None, false);
    for path in ["/", "/healthz", "/metrics", "/nothing"] {
        let called = |host| ask(&guard, &Method::GET, path, &[("host", host)]);
        for host in [
            "localhost",
            "LOCALHOST:9125",
            "192.0.2.7:1",
            "[::ffff:192.0.2.7]:1",
            "Stats.Example",
            "stats.example:9125",
        ] {
            assert_eq!(called(host), None, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "stats.example.evil",
            "x@localhost",
            "127.0.0.1",
            "192.0.2.8",
            "[::1]",
            "",
            "local host",
        ] {
            assert_eq!(called(host), Some(Refusal::Misdirected), "{host}");
        }
        assert_eq!(ask(&guard, &Method::GET, path, &[]), None);
    }
}

#[test]
fn f45_a_page_of_somebody_else_changes_nothing() {
    let guard = guard(Some(TOKEN), false);
    let bearer = format!("Bearer {TOKEN}");
    let with = |name, value| {
        let lines = [("host", "localhost:1"), ("authorization", bearer.as_str()), (name, value)];
        ask(&guard, &Method::POST, "/-/reload", &lines)
    };
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "http://localhost:2"),
        ("origin", "http://localhost"),
        ("origin", "null"),
        ("origin", ""),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "\u{7f}"),
    ] {
        if let Ok(_value) = value.parse::<header::HeaderValue>() {
            assert_eq!(with(name, value), Some(Refusal::Foreign), "{name}: {value}");
        }
    }
    assert_eq!(with("origin", "http://localhost:1"), None);
    assert_eq!(with("origin", "https://localhost:1"), None);
    assert_eq!(with("sec-fetch-site", "same-origin"), None);
    // What only reads is kept from foreign pages by the browser.
    let lines = [("host", "localhost"), ("origin", "http://evil.example")];
    assert_eq!(ask(&guard, &Method::GET, "/accounting", &lines), None);
}

#[test]
fn f45_a_token_is_needed_to_change_and_is_right_or_wrong_as_a_whole() {
    let ours = guard(Some(TOKEN), false);
    let with = |value: &str| ask(&ours, &Method::POST, "/-/reload", &[("authorization", value)]);
    assert_eq!(with(&format!("Bearer {TOKEN}")), None);
    assert_eq!(with(&format!("bearer {TOKEN}")), None);
    for wrong in ["", "Bearer", "Bearer ", "Basic x", &format!("Bearer  {TOKEN}"), TOKEN] {
        assert_eq!(with(wrong), Some(Refusal::Unauthorized), "{wrong}");
    }
    for at in 0..TOKEN.len() {
        let mut wrong = TOKEN.to_owned();
        wrong.replace_range(at..=at, "x");
        assert_eq!(with(&format!("Bearer {wrong}")), Some(Refusal::Unauthorized), "{wrong}");
        assert_eq!(with(&format!("Bearer {}", &TOKEN[..at])), Some(Refusal::Unauthorized));
    }
    let path = format!("/-/reload?token={TOKEN}");
    assert_eq!(ask(&ours, &Method::POST, &path, &[]), Some(Refusal::Unauthorized));
    let bearer = format!("Bearer {TOKEN}");
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(ask(&ours, &Method::POST, "/-/reload", &twice), Some(Refusal::Unauthorized));
    let forbidden = ask(&guard(None, false), &Method::POST, "/-/reload", &[]);
    assert_eq!(forbidden, Some(Refusal::Forbidden));
    assert_eq!(ask(&ours, &Method::GET, "/config", &[]), None);
}

#[test]
fn where_others_can_reach_us_reading_takes_the_token_too_but_for_health() {
    let guard = guard(Some(TOKEN), true);
    let reads = |path: &str, lines: &[(&str, &str)]| ask(&guard, &Method::GET, path, lines);
    for path in ["/accounting", "/config", "/metrics", "/", "/healthz/x"] {
        assert_eq!(reads(path, &[]), Some(Refusal::Unauthorized), "{path}");
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(reads(path, &[("authorization", &bearer)]), None, "{path}");
    }
    assert_eq!(reads("/healthz", &[]), None);
    assert_eq!(reads("/readyz", &[]), None);
}

#[test]
fn a_token_is_a_word_that_is_not_too_short_and_is_never_shown() {
    assert!(Token::parse(&format!(" {TOKEN}\r\n")).unwrap().is(TOKEN.as_bytes()));
    assert_eq!(format!("{:?}", Token::parse(TOKEN).unwrap()), "Token");
    let wrong = |text: &str| Token::parse(text).unwrap_err();
    assert_eq!(wrong("short\n"), "the token has 5 bytes, not 16 to 1024");
    assert_eq!(wrong(""), "the token has 0 bytes, not 16 to 1024");
    assert_eq!(wrong(&"x".repeat(1025)), "the token has 1025 bytes, not 16 to 1024");
    for text in ["0123456789 abcdefghi", "0123456789\nabcdefghi", "0123456789\u{e9}abcdefghi"] {
        assert_eq!(wrong(text), "the token is not one word of visible ASCII");
    }
}
