//! The text of the numbers that come out.

use std::io::Write as _;

/// A number on its way out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Written with six decimals, correctly rounded from the exact value, as `%f` does.
    Fixed(f64),
    /// A whole number.
    Whole(u64),
}

impl Number {
    /// Appends the text.
    pub fn write(self, out: &mut Vec<u8>) {
        let written = match self {
            Self::Fixed(value) => write!(out, "{value:.6}"),
            Self::Whole(value) => write!(out, "{value}"),
        };
        debug_assert!(written.is_ok(), "writing to a vector cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_printf_writes_them() {
        let cases = [
            (Number::Whole(u64::MAX), "18446744073709551615"),
            (Number::Fixed(0.1), "0.100000"),
            (Number::Fixed(-0.0), "-0.000000"),
            (Number::Fixed(0.000_000_5), "0.000000"),
            (Number::Fixed(0.000_001_5), "0.000002"),
            (Number::Fixed(1e22), "10000000000000000000000.000000"),
            (Number::Fixed(5e-324), "0.000000"),
        ];
        for (number, text) in cases {
            let mut out = Vec::new();
            number.write(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
