//! Sums that saturate.

/// `left + right`, held at the edge of the range of a double where it would leave it; the flag
/// says whether it was.
pub(crate) fn saturating(left: f64, right: f64) -> (f64, bool) {
    let sum = left + right;
    (clamp(sum), sum.is_infinite())
}

/// A finite number as it is, an infinite one at the edge of the range.
pub(crate) fn clamp(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_held_at_the_edges_of_the_range() {
        assert_eq!(saturating(1.0, 2.0), (3.0, false));
        assert_eq!(saturating(f64::MAX, f64::MAX), (f64::MAX, true));
        assert_eq!(saturating(f64::MIN, f64::MIN), (f64::MIN, true));
        assert_eq!(clamp(f64::INFINITY), f64::MAX);
    }
}
