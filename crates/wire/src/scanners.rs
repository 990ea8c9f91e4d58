//! The scanners that this processor has, and the choice among them.

use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::scan::avx512::Avx512;
use crate::scan::portable::Portable;
#[cfg(target_arch = "x86_64")]
use crate::scan::x86::{Avx2, Sse2};
use crate::{Grammar, Receiver, scan, usual};

/// One way to read the usual line. They all say the same, and differ in speed alone.
#[derive(Clone, Copy)]
pub struct Scanner(Way);

#[derive(Clone, Copy)]
enum Way {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Sse2(Sse2),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Scanner {
    /// Every scanner that this processor has, the fastest last.
    pub fn available() -> impl Iterator<Item = Self> {
        let ways = [
            Some(Way::Portable(Portable)),
            #[cfg(target_arch = "x86_64")]
            Some(Way::Sse2(Sse2)),
            #[cfg(target_arch = "x86_64")]
            Avx2::detect().map(Way::Avx2),
            #[cfg(target_arch = "x86_64")]
            Avx512::detect().map(Way::Avx512),
        ];
        ways.into_iter().flatten().map(Self)
    }

    /// The fastest one; the processor is asked once. Where debug assertions are on, the
    /// environment may name another one, so that tests can run on each: `GSTATSD_SCANNER`.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Scanner> = OnceLock::new();
        *BEST.get_or_init(|| {
            let wanted = std::env::var("GSTATSD_SCANNER").ok().filter(|_| cfg!(debug_assertions));
            let found = Self::available().filter(|scanner| match &wanted {
                Some(name) => format!("{scanner:?}") == *name,
                None => true,
            });
            found.last().unwrap_or(Self(Way::Portable(Portable)))
        })
    }

    /// Reads a packet as [`parse`](crate::parse()) does, with this scanner.
    #[inline]
    pub fn parse<'a>(self, packet: &'a [u8], grammar: &Grammar, receiver: &mut impl Receiver<'a>) {
        match usual::is_checked(grammar) {
            true => self.parse_as::<true>(packet, grammar, receiver),
            false => self.parse_as::<false>(packet, grammar, receiver),
        }
    }

    /// How many newlines, colons, pipes and bytes that are not printable ASCII a text has: a scan
    /// and nothing else, to be measured.
    #[must_use]
    pub fn count_marks(self, text: &[u8]) -> u32 {
        match self.0 {
            Way::Portable(way) => scan::count_marks(way, text),
            #[cfg(target_arch = "x86_64")]
            Way::Sse2(way) => scan::count_marks(way, text),
            #[cfg(target_arch = "x86_64")]
            Way::Avx2(way) => way.count_marks(text),
            #[cfg(target_arch = "x86_64")]
            Way::Avx512(way) => way.count_marks(text),
        }
    }

    #[inline]
    fn parse_as<'a, const CHECKED: bool>(
        self,
        packet: &'a [u8],
        grammar: &Grammar,
        receiver: &mut impl Receiver<'a>,
    ) {
        match self.0 {
            Way::Portable(way) => usual::parse::<_, CHECKED>(way, packet, grammar, receiver),
            #[cfg(target_arch = "x86_64")]
            Way::Sse2(way) => usual::parse::<_, CHECKED>(way, packet, grammar, receiver),
            #[cfg(target_arch = "x86_64")]
            Way::Avx2(way) => way.parse::<CHECKED>(packet, grammar, receiver),
            #[cfg(target_arch = "x86_64")]
            Way::Avx512(way) => way.parse::<CHECKED>(packet, grammar, receiver),
        }
    }
}

/// `Portable`, `Sse2`, `Avx2` or `Avx512`.
impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Way::Portable(_) => "Portable",
            #[cfg(target_arch = "x86_64")]
            Way::Sse2(_) => "Sse2",
            #[cfg(target_arch = "x86_64")]
            Way::Avx2(_) => "Avx2",
            #[cfg(target_arch = "x86_64")]
            Way::Avx512(_) => "Avx512",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scanner_counts_the_marks_of_a_text_of_any_length() {
        let bytes = (0..=0xff_u8).chain(*b"a.b:1|c|@0.1\nc:\x7f|").cycle();
        let text: Vec<u8> = bytes.take(400).collect();
        let is_mark = |byte: &&u8| matches!(byte, b':' | b'|' | 0..b' ' | 0x7f..);
        for length in 0..text.len() {
            let (text, _) = text.split_at(length);
            let expected = text.iter().filter(is_mark).count();
            for scanner in Scanner::available() {
                assert_eq!(scanner.count_marks(text) as usize, expected, "{scanner:?}, {length}");
            }
        }
    }
}
