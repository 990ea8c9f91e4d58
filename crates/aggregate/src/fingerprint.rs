//! Keyed 128-bit fingerprints of spellings: what a table looks up instead of names.
//!
//! The key is drawn at random for each process, so nobody can choose spellings that collide, and
//! among ten million spellings the odds that any two do are about 10^-25. So no name has to be
//! compared, and a table keeps none.

#[cfg(target_arch = "x86_64")]
mod aes;
#[cfg(target_arch = "x86_64")]
mod vaes;

use std::hash::{BuildHasher as _, RandomState};

use crate::SeriesKind;

/// Makes fingerprints; each one made by [`Fingerprinter::new`] has a key of its own.
pub(crate) struct Fingerprinter(Way);

enum Way {
    #[cfg(target_arch = "x86_64")]
    Aes(aes::Key),
    #[cfg(target_arch = "x86_64")]
    Vaes(vaes::Key),
    /// Where the processor cannot help: std's `SipHash`, with two keys.
    Sip(RandomState, RandomState),
}

impl Fingerprinter {
    /// With the best way that this processor offers.
    pub(crate) fn new() -> Self {
        Self::available().last().unwrap_or_else(Self::portable)
    }

    /// One for each way that this processor offers, the fastest last.
    fn available() -> impl Iterator<Item = Self> {
        let ways = [
            Some(Self::portable().0),
            #[cfg(target_arch = "x86_64")]
            aes::Key::draw().map(Way::Aes),
            #[cfg(target_arch = "x86_64")]
            vaes::Key::draw().map(Way::Vaes),
        ];
        ways.into_iter().flatten().map(Self)
    }

    fn portable() -> Self {
        Self(Way::Sip(RandomState::new(), RandomState::new()))
    }

    /// The fingerprint of a spelling: a name, and the tags of a field or none; never 0. What they
    /// mean to the listener is a number of the same kind for all that mean the same; 0 for most.
    #[inline(always)]
    pub(crate) fn of(&self, kind: SeriesKind, listener: u8, name: &[u8], tags: &[u8]) -> u128 {
        self.of_texts(kind as u32 | u32::from(listener) << 8, name, tags)
    }

    /// The fingerprint of a spelling, given that of its name and tags, with the fields that tell
    /// where it comes from; never 0.
    #[inline(never)]
    pub(crate) fn with_origin(&self, fingerprint: u128, origin: &[u8]) -> u128 {
        (fingerprint ^ self.of_texts(ORIGIN, origin, b"")) | 1 << 127
    }

    /// The fingerprint of a member of the set of a record; never 0.
    #[inline]
    pub(crate) fn of_member(&self, record: u32, member: &[u8]) -> u128 {
        self.of_texts(record, member, b"")
    }

    #[inline(always)]
    fn of_texts(&self, number: u32, first: &[u8], second: &[u8]) -> u128 {
        let fingerprint = match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Vaes(key) => key.fingerprint(number, first, second),
            #[cfg(target_arch = "x86_64")]
            Way::Aes(key) => key.fingerprint(number, first, second),
            Way::Sip(high, low) => {
                let half = |hasher: &RandomState| hasher.hash_one((number, first, second));
                u128::from(half(high)) << 64 | u128::from(half(low))
            }
        };
        // The uppermost bit does not choose a place, and 127 are as good as 128.
        fingerprint | 1 << 127
    }
}

/// A number that no kind and no listener has.
const ORIGIN: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn different_spellings_and_kinds_have_different_fingerprints_of_every_length() {
        for fingerprinter in Fingerprinter::available() {
            let mut seen = HashMap::new();
            for bytes in 0..=300 {
                let mut spelling: Vec<u8> = (0..=250).cycle().take(bytes).collect();
                for kind in [SeriesKind::Counter, SeriesKind::Gauge] {
                    let fingerprint = fingerprinter.of(kind, 0, &spelling, b"");
                    assert_eq!(fingerprinter.of(kind, 0, &spelling, b""), fingerprint);
                    assert_eq!(seen.insert(fingerprint, (kind, spelling.clone())), None);
                }
                // Every byte counts, and every bit of the fingerprint's lower half may change.
                for at in 0..bytes {
                    spelling[at] ^= 1;
                    let fingerprint = fingerprinter.of(SeriesKind::Set, 0, &spelling, b"");
                    let known = seen.insert(fingerprint, (SeriesKind::Set, spelling.clone()));
                    assert_eq!(known, None, "byte {at} of {bytes}");
                    spelling[at] ^= 1;
                }
            }
        }
    }

    #[test]
    fn bytes_that_change_places_change_the_fingerprint() {
        for fingerprinter in Fingerprinter::available() {
            let of = |spelling: &[u8]| fingerprinter.of(SeriesKind::Counter, 0, spelling, b"");
            let (a, b) = ([b'a'; 16], [b'b'; 16]);
            assert_ne!(of(&[a, b].concat()), of(&[b, a].concat()));
            let (a, b) = ([b'a'; 64], [b'b'; 64]);
            assert_ne!(of(&[a, b].concat()), of(&[b, a].concat()));
            assert_ne!(of(&[0; 3]), of(&[0; 4]));
            assert_ne!(of(&[0; 127]), of(&[0; 128]));
            assert_ne!(of(&[a, a, b].concat()), of(&[a, b, a].concat()));
        }
    }

    #[test]
    fn names_with_tags_have_fingerprints_of_their_own() {
        for fingerprinter in Fingerprinter::available() {
            let mut seen = HashMap::new();
            let kind = SeriesKind::Counter;
            let text: Vec<u8> = (0..200).map(|index| b'a' + index % 3).collect();
            for (name, tags) in (0..100).flat_map(|name| (1..100).map(move |tags| (name, tags))) {
                let both = (&text[..name], &text[name..name + tags]);
                let fingerprint = fingerprinter.of(kind, 0, both.0, both.1);
                assert_eq!(seen.insert(fingerprint, both), None, "{both:?}");
            }
            for end in 0..=200 {
                assert_eq!(seen.get(&fingerprinter.of(kind, 0, &text[..end], b"")), None, "{end}");
            }
            let of = |kind, listener, name: &str, tags: &str| {
                fingerprinter.of(kind, listener, name.as_bytes(), tags.as_bytes())
            };
            let one = of(kind, 0, "a", "b:c");
            assert_eq!(of(kind, 0, "a", "b:c"), one);
            assert_ne!(of(kind, 1, "a", "b:c"), one);
            assert_ne!(of(SeriesKind::Gauge, 0, "a", "b:c"), one);
            assert_ne!(of(kind, 0, "b:c", "a"), one);
            let with_origin = |origin: &str| fingerprinter.with_origin(one, origin.as_bytes());
            assert_ne!(with_origin("c:1"), one);
            assert_eq!(with_origin("c:1"), with_origin("c:1"));
            assert_ne!(with_origin("c:1"), with_origin("c:2"));
        }
    }

    #[test]
    fn each_has_a_key_of_its_own() {
        let of = |fingerprinter: Fingerprinter| fingerprinter.of(SeriesKind::Counter, 0, b"a", b"");
        for (one, other) in Fingerprinter::available().zip(Fingerprinter::available()) {
            assert_ne!(of(one), of(other));
        }
    }

    #[test]
    fn the_low_bits_spread_similar_spellings_evenly() {
        for fingerprinter in Fingerprinter::available() {
            let mut counts = [0_u32; 64];
            for number in 0..64_000 {
                let spelling = format!("host.web{number}.requests");
                let fingerprint =
                    fingerprinter.of(SeriesKind::Counter, 0, spelling.as_bytes(), b"");
                counts[(fingerprint % 64) as usize] += 1;
            }
            // Each is 1,000 on average, with a standard deviation of about 31.
            assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
        }
    }
}
