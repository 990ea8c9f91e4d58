//! Tests of the reader of YAML.

use proptest::prelude::*;

use super::super::value::{Node, Table, Value};
use super::read;

fn shown(text: &str) -> String {
    match read(text) {
        Ok(node) => node.value.shown(),
        Err(problem) => format!("{}: {}", problem.line, problem.what),
    }
}

#[test]
fn lists_mappings_and_scalars_are_read_with_their_lines() {
    let text = "---\n# comment\na: 1.0\nb:\n- x\n- {c: \"y z\", d: 'it''s'}\ne: |\n  f\n\
                g: ~\nh: 'null'\ni:\n---\nanother: document\n";
    let node = read(text).unwrap();
    assert_eq!(
        node.value.shown(),
        "{a: '1.0', b: ['x', {c: 'y z', d: 'it's'}], e: 'f\\n', g: null..."
    );
    let Value::Table(table) = node.value else { panic!("not a table") };
    let lines: Vec<_> =
        table.entries().iter().map(|(key, node)| (key.as_str(), node.line)).collect();
    assert_eq!(lines[..3], [("a", 3), ("b", 5), ("e", 8)]);
    assert_eq!(table.find("g").unwrap().value, Value::Null);
    assert_eq!(table.find("h").unwrap().value, Value::text("null"));
    assert_eq!(table.find("i").unwrap().value, Value::Null);
    assert_eq!(table.find("another"), None);
}

#[test]
fn an_empty_file_is_null() {
    for text in ["", "\n\n", "# only\n", "---\n"] {
        assert_eq!(read(text).map(|node| node.value), Ok(Value::Null), "{text:?}");
    }
}

#[test]
fn aliases_repeat_and_merges_take_over_what_is_not_there() {
    let text = "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: [*x, *x]\nf: {<<: [*x, {g: 4}]}";
    let node = read(text).unwrap();
    let Value::Table(table) = node.value else { panic!("not a table") };
    let of = |key: &str| table.find(key).unwrap().value.shown();
    assert_eq!(of("d"), "{c: '3', b: '1'}");
    assert_eq!(of("e"), "[{b: '1', c: '2'}, {b: '1', c: '2'}]");
    assert_eq!(of("f"), "{b: '1', c: '2', g: '4'}");
    assert_eq!(table.find("d").unwrap().line, 2);
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    assert!(shown("a: 1\nb: [1, ]]\nc: 2\n").starts_with("2: "), "{}", shown("a: 1\nb: [1, ]]\n"));
    assert!(shown("a: *x").starts_with("1: "), "{}", shown("a: *x"));
    assert_eq!(shown("a:\n  ? [b]\n  : c"), "2: a key has to be a text");
    assert_eq!(shown("a: &x [*x]"), "1: an alias stands within what it stands for");
}

#[test]
fn a_file_that_says_more_than_any_configuration_is_refused() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let shown_deep = shown(&deep);
    assert!(shown_deep.starts_with("1: "), "{shown_deep}");
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        laughs += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", "));
    }
    assert_eq!(shown(&laughs), "5: aliases repeat too much");
    let mut deeper = "a0: &a0 [x]\n".to_owned();
    for level in 1..200 {
        deeper += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert_eq!(shown(&deeper), "100: aliases repeat too much");
}

/// A value of scalars that are texts, lists and mappings.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), "[ -~äß€]{0,8}".prop_map(|text| Value::text(&text))];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let node = inner.prop_map(|value| Node { line: 1, value });
        let table = |entries: Vec<(String, Node)>| {
            let mut table = Table::default();
            entries.into_iter().for_each(|(key, node)| table.set(key, node));
            Value::Table(table)
        };
        prop_oneof![
            prop::collection::vec(node.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec(("[a-z *.$]{1,6}", node), 0..6).prop_map(table),
        ]
    })
}

/// Writes a value in the flow style, on one line.
fn write(value: &Value, text: &mut String) {
    let quoted = |plain: &str| format!("'{}'", plain.replace('\'', "''"));
    match value {
        Value::List(items) => {
            text.push('[');
            for item in items {
                write(&item.value, text);
                text.push_str(", ");
            }
            text.push(']');
        }
        Value::Table(table) => {
            text.push('{');
            for (key, node) in table.entries() {
                text.push_str(&quoted(key));
                text.push_str(": ");
                write(&node.value, text);
                text.push_str(", ");
            }
            text.push('}');
        }
        Value::Null => text.push_str("null"),
        scalar => text.push_str(&quoted(&scalar.to_text().raw())),
    }
}

proptest! {
    #[test]
    fn property_test_any_text_is_read_or_refused_without_a_panic(text in any::<String>()) {
        read(&text).ok();
    }

    #[test]
    fn property_test_any_text_of_signs_that_mean_something_is_read_or_refused(
        text in r#"([\[\]{},:&*!|>?'"%@# \n-]|a|<<: |- |: |--- |&a |\*a ){0,24}"#
    ) {
        read(&text).ok();
    }

    #[test]
    fn property_test_a_document_reads_back_to_the_same_value(value in values()) {
        let mut text = String::new();
        write(&value, &mut text);
        prop_assert_eq!(read(&text), Ok(Node { line: 1, value }), "{}", text);
    }
}
