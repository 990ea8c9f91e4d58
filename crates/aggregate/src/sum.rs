//! Sums that saturate.

/// `left + right`, held at the edge of the range of a double where it would leave it; the flag
/// says whether it was.
pub(crate) fn saturating(left: f64, right: f64) -> (f64, bool) {
    let sum = left + right;
    (clamp(sum), sum.is_infinite())
}

/// `sum + value * (1 / rate)`, held at the edge of the range of a double where it would leave
/// it; the flag says whether it was. Multiplied by the inverse, not divided: the original's last
/// digit.
#[inline]
pub(crate) fn weighted(sum: f64, value: f64, rate: f64) -> (f64, bool) {
    let plain = sum + value * (1.0 / rate);
    match plain.is_finite() {
        true => (plain, false),
        false => weighted_at_the_edge(sum, value, rate),
    }
}

/// The inverse of the smallest rates leaves the range already, and 0 times that would be no
/// number.
#[cold]
fn weighted_at_the_edge(sum: f64, value: f64, rate: f64) -> (f64, bool) {
    saturating(sum, clamp(value * clamp(1.0 / rate)))
}

/// A finite number as it is, an infinite one at the edge of the range.
pub(crate) fn clamp(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_inverse_rates_that_never_leave_the_range() {
        assert_eq!(weighted(1.0, 2.0, 0.1), (21.0, false));
        // Not 56.7 / 0.9.
        assert_eq!(weighted(0.0, 57.0, 0.9), (57.0 * (1.0 / 0.9), false));
        assert_eq!(weighted(1.0, 0.0, 1e-320), (1.0, false));
        assert_eq!(weighted(0.0, 2.0, 1e-320), (f64::MAX, false));
        assert_eq!(weighted(f64::MAX, 1e308, 1.0), (f64::MAX, true));
        assert_eq!(weighted(f64::MIN, -1e308, 1.0), (f64::MIN, true));
    }

    #[test]
    fn sums_are_held_at_the_edges_of_the_range() {
        assert_eq!(saturating(1.0, 2.0), (3.0, false));
        assert_eq!(saturating(f64::MAX, f64::MAX), (f64::MAX, true));
        assert_eq!(saturating(f64::MIN, f64::MIN), (f64::MIN, true));
        assert_eq!(clamp(f64::INFINITY), f64::MAX);
    }
}
