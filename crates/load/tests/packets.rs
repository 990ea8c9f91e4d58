//! The packets of a plan, and its manifest against an independent recount.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};

use gstatsd_load::{KeyTotals, Manifest, Plan};
use gstatsd_wire::{Grammar, Kind, Line, Receiver, Rejection, Sample, Value};

fn plan() -> Plan {
    Plan {
        seed: 7,
        samples: 20_000,
        keys: 140,
        kinds: "c=4,ms=3,g=2,s=1,h=1,d=1,m=2".parse().unwrap(),
        packet_bytes_max: Some(1_432),
        ports: 8,
        tagged_share: 0.3,
        sampled_share: 0.2,
        ..Plan::default()
    }
}

fn bytes(plan: &Plan) -> Vec<(usize, Vec<u8>)> {
    plan.packets().unwrap().map(|packet| (packet.port, packet.bytes)).collect()
}

/// Counts what the parser reads, in its own way.
#[derive(Default)]
struct Recount {
    manifest: Manifest,
    members: BTreeMap<String, BTreeSet<Vec<u8>>>,
}

impl Recount {
    fn of(packets: &[(usize, Vec<u8>)]) -> Manifest {
        let mut recount = Self::default();
        for (_, bytes) in packets {
            recount.manifest.packets += 1;
            recount.manifest.bytes += bytes.len() as u64;
            gstatsd_wire::parse(bytes, &Grammar::DOGSTATSD, &mut recount);
        }
        let Self { mut manifest, members } = recount;
        for (name, members) in members {
            manifest.keys.get_mut(&name).unwrap().members = Some(members.len() as u64);
        }
        for key in manifest.keys.values() {
            let kind = manifest.kinds.entry(key.kind.clone()).or_default();
            kind.keys += 1;
            kind.samples += key.samples;
            kind.sum += key.sum;
        }
        manifest
    }
}

impl<'a> Receiver<'a> for Recount {
    fn line(&mut self, line: Line<'a>) {
        assert!(matches!(line, Line::Metric(_)), "{line:?}");
        self.manifest.lines += 1;
    }

    fn sample(&mut self, sample: Sample<'a>) {
        self.manifest.samples += 1;
        let name = String::from_utf8(sample.name.to_vec()).unwrap();
        let tags = String::from_utf8(sample.tags.to_vec()).unwrap();
        let kind = sample.kind.symbol().to_owned();
        let fresh = KeyTotals { kind: kind.clone(), tags: tags.clone(), ..KeyTotals::default() };
        let key = self.manifest.keys.entry(name.clone()).or_insert(fresh);
        assert_eq!(
            (&key.kind, &key.tags),
            (&kind, &tags),
            "a key has one type and one set of tags"
        );
        key.samples += 1;
        match sample.value {
            Value::Member(member) => {
                assert_eq!(sample.kind, Kind::Set);
                self.members.entry(name).or_default().insert(member.to_vec());
            }
            Value::Number(number) => {
                let value = whole(number);
                key.sum += whole(number / sample.rate);
                key.lower = if key.samples == 1 { value } else { key.lower.min(value) };
                key.upper = key.upper.max(value);
                if sample.kind == Kind::Gauge {
                    key.last = Some(value);
                }
            }
            Value::Delta(_) => panic!("a plan sends no deltas"),
        }
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        panic!("{rejection:?}");
    }
}

fn whole(number: f64) -> u64 {
    format!("{number}").parse().unwrap()
}

#[test]
fn a_plan_makes_the_same_packets_every_time_and_others_from_another_seed() {
    assert_eq!(bytes(&plan()), bytes(&plan()));
    assert_ne!(bytes(&plan()), bytes(&Plan { seed: 8, ..plan() }));
}

#[test]
fn the_packets_of_a_seed_stay_what_they_were() {
    let lines: Vec<String> = Plan { samples: 4, keys: 10, ..Plan::default() }
        .packets()
        .unwrap()
        .map(|packet| String::from_utf8(packet.bytes).unwrap())
        .collect();
    let expected =
        ["load.set.5:m98|s", "load.set.5:m157|s", "load.counter.3:9|c", "load.timer.1:5906|ms"];
    assert_eq!(lines, expected);
}

#[test]
fn the_manifest_equals_a_recount_of_the_packets() {
    for plan in [plan(), Plan { packet_bytes_max: None, ..plan() }, Plan::default()] {
        assert_eq!(plan.manifest().unwrap(), Recount::of(&bytes(&plan)));
    }
    let manifest = plan().manifest().unwrap();
    assert_eq!((manifest.samples, manifest.keys.len()), (20_000, 140));
    assert!(manifest.keys.values().any(|key| key.tags == "env:load,shard:3"));
    assert!(manifest.kinds["c"].sum > manifest.kinds["c"].samples * 6, "rates count");
}

#[test]
fn packed_packets_are_full_and_never_exceed_the_limit() {
    for limit in [Plan::PACKET_BYTES_MIN, 512, 8_932, Plan::PACKET_BYTES_MAX] {
        let plan = Plan { packet_bytes_max: Some(limit), samples: 50_000, ..plan() };
        let packets = bytes(&plan);
        let longest = packets.iter().map(|(_, bytes)| bytes.len()).max().unwrap();
        assert!(longest <= limit, "{longest} of {limit}");
        let line_bytes_max = 70;
        let full = packets.iter().filter(|(_, bytes)| bytes.len() + line_bytes_max > limit).count();
        // The last packet of each port holds what is left.
        assert!(full + plan.ports >= packets.len(), "{full} of {} at {limit}", packets.len());
    }
}

#[test]
fn unpacked_packets_hold_one_line() {
    let packets = bytes(&Plan { packet_bytes_max: None, ..plan() });
    assert_eq!(packets.len(), 20_000);
    assert!(packets.iter().all(|(_, bytes)| !bytes.contains(&b'\n')));
}

#[test]
fn all_samples_of_a_key_leave_from_one_port_and_all_ports_are_used() {
    let mut ports: BTreeMap<u32, usize> = BTreeMap::new();
    for packet in plan().packets().unwrap() {
        for reading in &packet.readings {
            assert_eq!(*ports.entry(reading.key).or_insert(packet.port), packet.port);
        }
    }
    let used: BTreeSet<usize> = ports.values().copied().collect();
    assert_eq!(used, (0..8).collect());
}

#[test]
fn a_plan_of_no_samples_sends_nothing() {
    let nothing = Plan { samples: 0, ..plan() };
    assert_eq!(bytes(&nothing), []);
    assert_eq!(nothing.manifest().unwrap(), Manifest::default());
}

#[test]
fn a_manifest_survives_json() {
    let manifest = plan().manifest().unwrap();
    let json = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
}
