//! Probes: how a relay finds out that its lines come back to it.
//!
//! A probe is a service check that no monitoring asks for: `_sc|gstatsd.relay.ID.NODE|0`. Every
//! relay passes it on, and to a daemon it is one service check. A relay sends one to each node
//! when it begins to use it; if it comes back, that node leads back here.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// What a probe begins with.
const PREFIX: &[u8] = b"_sc|gstatsd.relay.";
/// How a probe ends.
const SUFFIX: &[u8] = b"|0";
/// How many probes of others are remembered, so that each is passed on once.
const REMEMBERED: usize = 1024;
/// How many probes of others are passed on in [`SPAN`]: they go to every node, so whoever makes
/// them up must not make much of them.
const PASSED_MAX: usize = 64;
const SPAN: Duration = Duration::from_mins(1);

/// A probe: who sent it, and to which of its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    id: u128,
    node: usize,
}

impl Probe {
    /// Reads a line; `None` where it is no probe.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let inner = line.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let (id, node) = std::str::from_utf8(inner).ok()?.split_once('.')?;
        Some(Self { id: u128::from_str_radix(id, 16).ok()?, node: node.parse().ok()? })
    }

    /// The line that is sent.
    pub(super) fn line(self) -> Vec<u8> {
        let Self { id, node } = self;
        [PREFIX, format!("{id:032x}.{node}").as_bytes(), SUFFIX].concat()
    }
}

/// What is to be done with a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is ours: the node of this number leads back to us.
    Own(usize),
    /// That of another, for the first time: it is to be passed on to every node.
    Pass,
    /// Passed on already, or too many came.
    Ignore,
}

/// What a relay knows of probes.
#[derive(Debug)]
pub(super) struct Probes {
    /// Random, so that nobody else has it.
    id: u128,
    passed: Mutex<VecDeque<(Probe, Instant)>>,
}

impl Probes {
    /// Those of a relay that was just started.
    pub(super) fn new() -> Self {
        Self { id: fastrand::u128(..), passed: Mutex::default() }
    }

    /// The probe for a node of ours.
    pub(super) fn own(&self, node: usize) -> Probe {
        Probe { id: self.id, node }
    }

    /// Takes a probe in.
    pub(super) fn receive(&self, probe: Probe) -> Verdict {
        if probe.id == self.id {
            return Verdict::Own(probe.node);
        }
        let now = clock::now();
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = passed.iter().rev().take_while(|(_, at)| now < *at + SPAN).count();
        if lately >= PASSED_MAX || passed.iter().any(|(known, _)| *known == probe) {
            return Verdict::Ignore;
        }
        if passed.len() == REMEMBERED {
            passed.pop_front();
        }
        passed.push_back((probe, now));
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_read_as_it_is_written_and_nothing_else_is_one() {
        let probe = Probe { id: 0x00ab_cdef, node: 12 };
        assert_eq!(probe.line(), b"_sc|gstatsd.relay.00000000000000000000000000abcdef.12|0");
        assert_eq!(Probe::read(&probe.line()), Some(probe));
        let texts: [&[u8]; 6] = [
            b"",
            b"_sc|gstatsd.relay.|0",
            b"_sc|gstatsd.relay.1|0",
            b"_sc|gstatsd.relay.x.1|0",
            b"_sc|gstatsd.relay.1.1|1",
            b"_sc|gstatsd.relay.1.\xff|0",
        ];
        for line in texts {
            assert_eq!(Probe::read(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn our_own_ends_a_loop_and_that_of_another_is_passed_on_once() {
        let (probes, others) = (Probes::new(), Probes::new());
        assert_eq!(probes.receive(probes.own(3)), Verdict::Own(3));
        assert_eq!(probes.receive(others.own(0)), Verdict::Pass);
        assert_eq!(probes.receive(others.own(1)), Verdict::Pass);
        assert_eq!(probes.receive(others.own(0)), Verdict::Ignore);
    }

    #[test]
    fn whoever_makes_probes_up_does_not_get_far() {
        let probes = Probes::new();
        let verdicts = (0..1_000).map(|node| probes.receive(Probe { id: 1, node }));
        let passed = verdicts.filter(|verdict| *verdict == Verdict::Pass).count();
        assert_eq!(passed, PASSED_MAX);
    }
}
