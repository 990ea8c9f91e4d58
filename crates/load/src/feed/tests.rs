//! What the fast sender sends is what it counts, and what the plan draws.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::thread;

use super::*;

fn plan() -> Plan {
    Plan { seed: 4, samples: 500, keys: 40, ..Plan::default() }
}

/// Feeds a socket through `feed`; gives the lines that came, by source port, and what is said
/// to have been sent.
fn fed(feed: impl FnOnce(Target) -> Fed + Send + 'static) -> (BTreeMap<u16, Vec<Vec<u8>>>, Fed) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let to = socket.local_addr().unwrap();
    let sender = thread::spawn(move || feed(to.into()));
    let (mut packets, mut buffer) = (BTreeMap::new(), vec![0; 65_536]);
    while let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
        let of_port: &mut Vec<_> = packets.entry(from.port()).or_default();
        of_port.push(buffer[..bytes].to_vec());
    }
    (packets, sender.join().unwrap())
}

fn assert_counted(packets: &BTreeMap<u16, Vec<Vec<u8>>>, fed: Fed) {
    let all: Vec<_> = packets.values().flatten().collect();
    assert_eq!(fed.packets, all.len() as u64);
    assert_eq!(fed.bytes, all.iter().map(|packet| packet.len() as u64).sum::<u64>());
    let lines = all.iter().flat_map(|packet| packet.split(|byte| *byte == b'\n'));
    assert_eq!(fed.samples, lines.count() as u64);
}

#[test]
fn packets_are_those_of_the_plan_again_and_again_and_counted() {
    let plan = plan();
    let drawn: Vec<_> = plan.packets_named(STEM).unwrap().map(|packet| packet.bytes).collect();
    let mut feeder = Feeder::new(&plan, false).unwrap();
    let (packets, fed) = fed(move |to| {
        let first = feeder.feed(&to, 5_000.0, Duration::from_millis(60)).unwrap();
        let second = feeder.feed(&to, 5_000.0, Duration::from_millis(60)).unwrap();
        assert!(first.elapsed >= Duration::from_millis(60));
        Fed {
            packets: first.packets + second.packets,
            samples: first.samples + second.samples,
            bytes: first.bytes + second.bytes,
            elapsed: Duration::ZERO,
        }
    });
    assert_counted(&packets, fed);
    // Two calls, two ports; the second goes on where the first ended.
    assert_eq!(packets.len(), 2);
    let [one, two] = packets.values().collect::<Vec<_>>()[..] else { unreachable!() };
    let again = |after: &[Vec<u8>], before: &[Vec<u8>]| {
        let mut expected = drawn.iter().cycle().skip(before.len());
        after.iter().all(|packet| expected.next() == Some(packet))
    };
    assert!(again(one, &[]) && again(two, one) || again(two, &[]) && again(one, two));
}

#[test]
fn every_key_comes_once() {
    for keys in [1, 40, 100] {
        let feeder = Feeder::new(&Plan { keys, ..plan() }, false).unwrap();
        let (packets, fed) = fed(move |to| feeder.feed_every_key(&to).unwrap());
        assert_counted(&packets, fed);
        assert_eq!(fed.samples, keys.into());
        let all = packets.into_values().flatten().collect::<Vec<_>>().join(&b'\n');
        let names: BTreeSet<_> = all
            .split(|byte| *byte == b'\n')
            .map(|line| line.split(|byte| *byte == b':').next().unwrap().to_vec())
            .collect();
        assert_eq!(names.len(), keys as usize);
    }
}

#[test]
fn segments_of_equal_size_arrive_as_the_packets_they_are() {
    let plan = Plan { packet_bytes_max: Some(300), samples: 3_000, ..plan() };
    let drawn = plan.packets_named(STEM).unwrap().map(|packet| packet.bytes);
    let mut drawn: Vec<_> = drawn.collect();
    let feeder = Feeder::new(&plan, true).unwrap();
    let runs = feeder.drawn.runs.len();
    assert!(runs < drawn.len() / 4, "{runs} runs");
    let (packets, fed) = fed(move |to| {
        let (mut link, mut fed) = (Link::connect(&to).unwrap(), Fed::default());
        for run in &feeder.drawn.runs {
            feeder.drawn.send(run, &mut link).unwrap();
            fed.add(run);
            // The receive buffer is a small one.
            thread::sleep(Duration::from_millis(1));
        }
        fed
    });
    assert_counted(&packets, fed);
    let mut all: Vec<_> = packets.into_values().flatten().collect();
    all.sort_unstable();
    drawn.sort_unstable();
    assert_eq!(all, drawn);
}

#[test]
fn a_key_leaves_from_one_port() {
    let mut feeder = Feeder::new(&Plan { ports: 3, ..plan() }, false).unwrap();
    let (packets, fed) =
        fed(move |to| feeder.feed(&to, 5_000.0, Duration::from_millis(100)).unwrap());
    assert_counted(&packets, fed);
    assert_eq!(packets.len(), 3);
    let mut port_of = BTreeMap::new();
    for (port, packet) in packets.iter().flat_map(|(port, all)| all.iter().map(move |p| (port, p)))
    {
        let name = packet.split(|byte| *byte == b':').next().unwrap();
        assert_eq!(*port_of.entry(name).or_insert(port), port);
    }
}

#[test]
fn over_a_connection_each_packet_ends_with_a_newline() {
    let plan = Plan { packet_bytes_max: Some(300), ..plan() };
    let drawn = plan.packets_named(STEM).unwrap();
    let drawn: Vec<u8> = drawn.flat_map(|packet| [&packet.bytes[..], b"\n"].concat()).collect();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = Target::Tcp(listener.local_addr().unwrap());
    let mut feeder = Feeder::new(&plan, false).unwrap();
    let sender =
        thread::spawn(move || feeder.feed(&to, 5_000.0, Duration::from_millis(100)).unwrap());
    let mut text = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut text).unwrap();
    let fed = sender.join().unwrap();
    assert_eq!(text.len() as u64, fed.bytes + fed.packets);
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines as u64, fed.samples);
    assert!(text.iter().zip(drawn.iter().cycle()).all(|(got, expected)| got == expected));
}

#[test]
fn names_are_as_long_as_usual_ones() {
    let plan = Plan { keys: 100_000, samples: 10_000, ..plan() };
    let packets = plan.packets_named(STEM).unwrap();
    let name = |packet: Packet| packet.bytes.split(|byte| *byte == b':').next().unwrap().len();
    let bytes: usize = packets.map(name).sum();
    assert!((32..36).contains(&(bytes / 10_000)), "{}", bytes / 10_000);
}

#[test]
fn a_rate_of_nothing_and_no_samples_are_refused() {
    let to = Target::Udp((Ipv4Addr::LOCALHOST, 9).into());
    let mut feeder = Feeder::new(&plan(), false).unwrap();
    let error = feeder.feed(&to, 0.0, Duration::from_secs(1)).unwrap_err();
    assert_eq!(error.to_string(), "the rate must be above zero");
    assert!(Feeder::new(&Plan { samples: 0, ..plan() }, false).is_err());
}
