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

    /// The fingerprint of a spelling; never 0.
    #[inline(always)]
    pub(crate) fn of(&self, kind: SeriesKind, spelling: &[u8]) -> u128 {
        self.of_text(kind as u32, spelling)
    }

    /// The fingerprint of a member of the set of a record; never 0.
    #[inline]
    pub(crate) fn of_member(&self, record: u32, member: &[u8]) -> u128 {
        self.of_text(record, member)
    }

    #[inline(always)]
    fn of_text(&self, number: u32, text: &[u8]) -> u128 {
        let fingerprint = match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Vaes(key) => key.fingerprint(number, text),
            #[cfg(target_arch = "x86_64")]
            Way::Aes(key) => key.fingerprint(number, text),
            Way::Sip(high, low) => {
                let half = |hasher: &RandomState| hasher.hash_one((number, text));
                u128::from(half(high)) << 64 | u128::from(half(low))
            }
        };
        // The uppermost bit does not choose a place, and 127 are as good as 128.
        fingerprint | 1 << 127
    }
}

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
                    let fingerprint = fingerprinter.of(kind, &spelling);
                    assert_eq!(fingerprinter.of(kind, &spelling), fingerprint);
                    assert_eq!(seen.insert(fingerprint, (kind, spelling.clone())), None);
                }
                // Every byte counts, and every bit of the fingerprint's lower half may change.
                for at in 0..bytes {
                    spelling[at] ^= 1;
                    let fingerprint = fingerprinter.of(SeriesKind::Set, &spelling);
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
            let of = |spelling: &[u8]| fingerprinter.of(SeriesKind::Counter, spelling);
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
    fn each_has_a_key_of_its_own() {
        let of = |fingerprinter: Fingerprinter| fingerprinter.of(SeriesKind::Counter, b"a");
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
                let fingerprint = fingerprinter.of(SeriesKind::Counter, spelling.as_bytes());
                counts[(fingerprint % 64) as usize] += 1;
            }
            // Each is 1,000 on average, with a standard deviation of about 31.
            assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
        }
    }
}
