//! A dialect: the switches in which the originals differ.

use gstatsd_wire::Grammar;

/// How lines are read and how names are made safe.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// How lines are read.
    pub grammar: Grammar,
    /// What becomes of each byte of a name.
    sanitise: fn(u8) -> Option<u8>,
}

impl Dialect {
    /// gstatsd 0.6.
    pub const GSTATSD: Self = Self { grammar: Grammar::GSTATSD, sanitise: gstatsd_byte };

    /// Appends a name to `out` as the dialect writes it.
    pub fn sanitise(&self, name: &[u8], out: &mut Vec<u8>) {
        out.extend(name.iter().copied().filter_map(self.sanitise));
    }
}

/// gstatsd keeps `[A-Za-z0-9_.-]`, turns `/` into `_` and deletes every other byte.
fn gstatsd_byte(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' => Some(byte),
        b'/' => Some(b'_'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_what_graphite_can_bear() {
        let mut out = Vec::new();
        for byte in 0..=255 {
            Dialect::GSTATSD.sanitise(&[byte], &mut out);
        }
        let kept = b"-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(kept));
    }
}
