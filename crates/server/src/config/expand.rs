//! `${VARIABLE}` in prefixes and names.

/// Replaces each `${NAME}` by what `lookup` has for it; `$${` stands for `${`.
///
/// # Errors
/// A variable that is not set, and a `${` that does not end or holds no name.
pub(crate) fn expand(text: &str, lookup: fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$${") {
            expanded.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let Some((name, after)) = after.split_once('}') else {
                return Err("'${' without '}'; '$${' stands for '${'".to_owned());
            };
            if !is_variable_name(name) {
                return Err(format!("'{name}' is not the name of a variable"));
            }
            let value = lookup(name).ok_or_else(|| format!("variable {name} is not set"))?;
            expanded.push_str(&value);
            rest = after;
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Replaces each `${NAME}` in a text in which `$1`, `${1}` and `$$` have a meaning, and leaves
/// those as they are.
///
/// # Errors
/// As of [`expand`].
pub(crate) fn expand_template(
    text: &str,
    lookup: fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest.strip_prefix("${").and_then(|after| after.split_once('}'));
        match name {
            Some((name, after)) if is_variable_name(name) => {
                let value = lookup(name).ok_or_else(|| format!("variable {name} is not set"))?;
                expanded.push_str(&value.replace('$', "$$"));
                rest = after;
            }
            _ => {
                let (dollars, after) = rest.split_at(if rest.starts_with("$$") { 2 } else { 1 });
                expanded.push_str(dollars);
                rest = after;
            }
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The text that [`expand`] turns into `text`, whatever it holds.
pub(crate) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

fn is_variable_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{escape, expand, expand_template};

    fn lookup(name: &str) -> Option<String> {
        (name == "HOST_1").then(|| "web$1".to_owned())
    }

    #[test]
    fn variables_are_replaced_and_everything_else_is_kept() {
        for (text, expanded) in [
            ("", ""),
            ("plain", "plain"),
            ("${HOST_1}", "web$1"),
            ("a.${HOST_1}.b${HOST_1}", "a.web$1.bweb$1"),
            ("$${HOST_1}", "${HOST_1}"),
            ("$$${HOST_1}", "$${HOST_1}"),
            ("$5 $", "$5 $"),
            ("ü${HOST_1}ü", "üweb$1ü"),
        ] {
            assert_eq!(expand(text, lookup).as_deref(), Ok(expanded), "{text}");
        }
    }

    #[test]
    fn in_a_template_captures_are_left_to_it() {
        for (text, expanded) in [
            ("$1.${2}.$0", "$1.${2}.$0"),
            ("${HOST_1}.$1", "web$$1.$1"),
            ("$${HOST_1}", "$${HOST_1}"),
            ("$$${HOST_1}", "$$web$$1"),
            ("${ ${} $", "${ ${} $"),
        ] {
            assert_eq!(expand_template(text, lookup).as_deref(), Ok(expanded), "{text}");
        }
        assert_eq!(expand_template("${NONE}", lookup), Err("variable NONE is not set".to_owned()));
    }

    #[test]
    fn what_cannot_be_expanded_is_told_why() {
        for (text, reason) in [
            ("${NONE}", "variable NONE is not set"),
            ("a${HOST_1", "'${' without '}'; '$${' stands for '${'"),
            ("${}", "'' is not the name of a variable"),
            ("${1A}", "'1A' is not the name of a variable"),
            ("${A-B}", "'A-B' is not the name of a variable"),
        ] {
            assert_eq!(expand(text, lookup), Err(reason.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn property_test_an_escaped_text_expands_to_itself(text in "[$a{}]{0,12}") {
            prop_assert_eq!(expand(&escape(&text), lookup), Ok(text));
        }
    }
}
