//! Expressions of licences (SPDX): `MIT OR Apache-2.0 AND (ISC OR Zlib)`.

use std::collections::BTreeSet;

/// Whether one may be used whose licence is this, where these are allowed. What is no expression
/// may not.
pub(super) fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // The slash of older days is an OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    any(&mut words, allowed).unwrap_or(false) && words.is_empty()
}

/// `A OR B`
fn any(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut is_allowed = all(words, allowed)?;
    while let ["OR", rest @ ..] = words {
        *words = rest;
        is_allowed |= all(words, allowed)?;
    }
    Some(is_allowed)
}

/// `A AND B`
fn all(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut is_allowed = one(words, allowed)?;
    while let ["AND", rest @ ..] = words {
        *words = rest;
        is_allowed &= one(words, allowed)?;
    }
    Some(is_allowed)
}

/// `A`, `A WITH B` or `(...)`
fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    if *first == "(" {
        let is_allowed = any(words, allowed)?;
        let (last, rest) = words.split_first()?;
        *words = rest;
        return (*last == ")").then_some(is_allowed);
    }
    if let ["WITH", exception, rest @ ..] = words {
        let name = format!("{first} WITH {exception}");
        *words = rest;
        return Some(allowed.contains(&name));
    }
    Some(allowed.contains(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_where_what_it_asks_for_is() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
        let allowed = allowed.map(str::to_owned).into();
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("", false),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("MIT AND ISC", true),
            ("GPL-3.0 OR MIT AND ISC", true),
            ("(GPL-3.0 OR MIT) AND Zlib", false),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("Apache-2.0", false),
            ("(MIT", false),
            ("MIT ISC", false),
            ("OR MIT", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
        }
    }
}
