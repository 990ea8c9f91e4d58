//! `cargo xtask bench --outputs`: what it costs each sink to take on a million series.
//!
//! A server with one sink at a time gets a million counters in each of some intervals. The CPU
//! time is that of the sink's thread; the memory is the highest that was resident, over that of a
//! server whose sink is a Graphite, which holds nothing beyond the snapshot.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use super::clock::Clock;
use super::cpu;
use super::page::Marks;
use super::program::{Core, Program};
use super::receiver::{Receiver, tell};
use super::score::{median, per};
use crate::command::header;
use crate::place::Place;

/// Where the table stands on the page.
pub(super) const MARKS: Marks = Marks {
    begin: "<!-- Made by `cargo xtask bench --outputs --write`. Do not edit. -->",
    end: "<!-- The end of what is made of the outputs. -->",
};

/// A million counters; what is drawn is not sent.
const COUNTERS: &str = "feed --keys 1000000 --samples 1 --kinds c=1";
const INTERVAL: Duration = Duration::from_secs(5);
const FLUSHES: usize = 3;
/// In the first interval the keys become known.
const FIRST: usize = 1;
/// The aim for the memory beyond the snapshot, in MiB.
const AIM: u64 = 64;

/// What a sink took.
#[derive(Clone, Debug)]
struct Output {
    name: &'static str,
    /// For each flush, in milliseconds.
    cpu_ms: Vec<f64>,
    peak_bytes: u64,
    /// Points that did not arrive.
    dropped: u64,
}

/// Measures each sink; gives the table in Markdown.
///
/// # Errors
///
/// A program cannot be started.
pub(super) fn measure(place: &Place) -> anyhow::Result<String> {
    let mut drain = Program::tool(place, Core::Helping, &["drain"])?;
    let graphite = drain.wait_for("listening on ")?;
    let http = serve_http()?;
    let sinks = [
        ("Graphite", format!("graphite://{graphite}")),
        ("OTLP over HTTP", format!("otlp+http://{http}")),
        ("remote write", format!("remote-write://{http}/api/v1/write")),
        ("a page, scraped once a flush", "prometheus://127.0.0.1:0".to_owned()),
    ];
    let mut outputs = Vec::new();
    for (name, sink) in sinks {
        header(name);
        let output = output(place, name, &sink).with_context(|| name)?;
        println!("{output:?}");
        outputs.push(output);
    }
    Ok(table(&outputs))
}

fn output(place: &Place, name: &'static str, sink: &str) -> anyhow::Result<Output> {
    let feed: Vec<_> = COUNTERS.split_whitespace().collect();
    let mut sender = Program::tool(place, Core::Helping, &feed)?;
    sender.wait_for("ready")?;
    let file = place.target.join("bench-outputs.toml");
    fs::write(&file, format!("dialect = 'gstatsd'\n[[sink]]\nurl = '{sink}'\nname = 'it'\n"))?;
    let (file, seconds) = (file.to_string_lossy(), INTERVAL.as_secs().to_string());
    let flags = ["-c", &file, "-b", "127.0.0.1:0", "-f", &seconds, "--workers", "1"];
    let mut program = Program::server(place, Core::Measured, &flags)?;
    let page = match sink.starts_with("prometheus:") {
        true => Some(program.wait_for("can scrape http://")?),
        false => None,
    };
    let address = program.wait_for("listening on udp://")?;
    let mut server = Receiver { program, address, sent: super::receiver::Fed::default() };
    let (clock, line) = (Clock::start(), format!("keys {}", server.address));
    let mut cpu_ms = Vec::new();
    let mut middle = INTERVAL / 2;
    for _ in 0..FIRST + FLUSHES {
        let before = server.cpu()?;
        server.sent.add(tell(&mut sender, &line)?);
        // From the middle of an interval to that of the next, so that a flush is over at its end.
        middle += INTERVAL;
        clock.sleep_until(middle);
        if let Some(page) = &page {
            scrape(page)?;
        }
        let used = server.cpu()?.since(&before);
        cpu_ms.push(per(used.of("sink ") + used.of("http"), 1_000_000));
    }
    cpu_ms.drain(..FIRST);
    let peak_bytes = cpu::peak_bytes(server.program.pid())?;
    let (_, said) = server.stop_saying()?;
    let counts = super::program::counts(&said, "accounting:");
    let dropped = counts.iter().filter(|(name, _)| name.contains("it:points.dropped"));
    let dropped = dropped.map(|(_, count)| count).sum();
    Ok(Output { name, cpu_ms, peak_bytes, dropped })
}

/// Reads a page to its end.
fn scrape(page: &str) -> anyhow::Result<()> {
    let (address, path) = page.split_once('/').unwrap_or((page, "metrics"));
    let mut stream = TcpStream::connect(address.trim())?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut buffer = vec![0; 1 << 20];
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Takes what is posted, forgets it, and says that it is well. Gives its address.
fn serve_http() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Who breaks off has nobody to hear of it.
            thread::spawn(move || answer(stream).ok());
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> anyhow::Result<()> {
    let (mut got, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        let end = loop {
            if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                bytes => got.extend_from_slice(&buffer[..bytes]),
            }
        };
        let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("no length")?.trim().parse()?;
        if head.contains("100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        while got.len() < end + length {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                bytes => got.extend_from_slice(&buffer[..bytes]),
            }
        }
        got.drain(..end + length);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

fn table(outputs: &[Output]) -> String {
    let mut page = "| sink | CPU time of a flush, ms, median | longest | \
                    memory beyond Graphite's, MiB | aim | points dropped |\n\
                    |---|--:|--:|--:|--:|--:|\n"
        .to_owned();
    let base = outputs.first().map_or(0, |first| first.peak_bytes);
    for Output { name, cpu_ms, peak_bytes, dropped } in outputs {
        let longest = cpu_ms.iter().copied().fold(0.0, f64::max);
        let beyond = peak_bytes.saturating_sub(base) >> 20;
        page.push_str(&format!(
            "| {name} | {:.0} | {longest:.0} | {beyond} | {AIM} | {dropped} |\n",
            median(cpu_ms.clone())
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_beyond_that_of_the_first() {
        let output = |name, cpu_ms: &[f64], mebibytes: u64| Output {
            name,
            cpu_ms: cpu_ms.to_vec(),
            peak_bytes: mebibytes << 20,
            dropped: 0,
        };
        let outputs = [output("a", &[100.0, 300.0, 200.0], 210), output("b", &[50.0], 240)];
        let table = table(&outputs);
        assert!(
            table.contains("\n| a | 200 | 300 | 0 | 64 | 0 |\n| b | 50 | 50 | 30 | 64 | 0 |\n")
        );
    }

    #[test]
    fn what_is_posted_is_answered_and_the_connection_lives_on() {
        let mut stream = TcpStream::connect(serve_http().unwrap()).unwrap();
        for body in ["abc", ""] {
            let length = body.len();
            let request = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = [0; 38];
            stream.read_exact(&mut answer).unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
    }
}
