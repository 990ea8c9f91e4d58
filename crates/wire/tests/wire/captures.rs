//! Recorded datagrams of real emitters.

use std::fs;

use gstatsd_wire::Grammar;

use crate::log::{Entry, entries};

/// The datagrams of a file: Python bytes literals, one a line.
fn datagrams(file: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/../../testdata/captures/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).expect("a file of captures");
    text.lines().filter(|line| !line.is_empty()).map(bytes_of_literal).collect()
}

fn bytes_of_literal(literal: &str) -> Vec<u8> {
    let body = literal.strip_prefix("b'").and_then(|body| body.strip_suffix('\''));
    let body = body.expect("a bytes literal");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().expect("an escape has a letter") {
                b'n' => b'\n',
                b'\\' => b'\\',
                other => panic!("an escape that no capture had so far: {}", char::from(other)),
            },
            byte => byte,
        });
    }
    bytes
}

/// How many samples, events and service checks a file holds; fails on any rejection.
fn counts(file: &str, grammar: &Grammar) -> [usize; 3] {
    let mut counts = [0; 3];
    for datagram in datagrams(file) {
        for entry in entries(&datagram, grammar) {
            match entry {
                Entry::Metric(_) => {}
                Entry::Sample(_) => counts[0] += 1,
                Entry::Event(_) => counts[1] += 1,
                Entry::ServiceCheck(_) => counts[2] += 1,
                rejected => panic!("{rejected:?} in {file}: {}", datagram.escape_ascii()),
            }
        }
    }
    counts
}

#[test]
fn recorded_datagrams_have_no_rejection_in_any_dialect() {
    for grammar in [Grammar::GSTATSD, Grammar::STATSD, Grammar::DOGSTATSD] {
        assert_eq!(counts("gunicorn.txt", &grammar), [7, 0, 0]);
        assert_eq!(counts("hot-shots_and_node-statsd.txt", &grammar), [19, 1, 1]);
        assert_eq!(counts("pystatsd_and_datadogpy.txt", &grammar), [131, 1, 1]);
        assert_eq!(counts("uwsgi.txt", &grammar), [153, 0, 0]);
    }
}
