//! Tests of what JavaScript makes of values. The expected answers are those of Node.js 20.

use super::{Node, Table, Text, Value, number_of_text, text_of_number};

fn node(value: Value) -> Node {
    Node { line: 1, value }
}

#[test]
fn a_text_is_the_number_that_javascript_reads_in_it() {
    for (text, number) in [
        ("", 0.0),
        (" \t\n\u{feff}", 0.0),
        (" 75 ", 75.0),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+7", 7.0),
        ("0x1F", 31.0),
        ("0o17", 15.0),
        ("0B101", 5.0),
        ("010", 10.0),
        ("Infinity", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("1e400", f64::INFINITY),
    ] {
        assert_eq!(number_of_text(text), number, "{text:?}");
    }
    for text in [
        "abc", "inf", "nan", "infinity", "1,5", "1_0", ".", "-0x1", "0x", "1 2", "ü", "1é",
        "\u{85}1",
    ] {
        assert!(number_of_text(text).is_nan(), "{text:?}");
    }
}

#[test]
fn a_number_is_printed_as_javascript_prints_it() {
    for (number, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (75.0, "75"),
        (99.9, "99.9"),
        (-10.0, "-10"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.5e300, "-1.5e+300"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-9, "1.25e-9"),
        (0.1 + 0.2, "0.30000000000000004"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(text_of_number(number), text);
    }
}

#[test]
fn values_become_truth_numbers_and_texts_as_in_javascript() {
    let list = |items: Vec<Value>| Value::List(items.into_iter().map(node).collect());
    let table = Value::Table(Table::default());
    for (value, truth, number, text) in [
        (Value::Undefined, false, f64::NAN, "undefined"),
        (Value::Null, false, 0.0, "null"),
        (Value::Bool(true), true, 1.0, "true"),
        (Value::Bool(false), false, 0.0, "false"),
        (Value::Number(0.0), false, 0.0, "0"),
        (Value::Number(f64::NAN), false, f64::NAN, "NaN"),
        (Value::Number(0.5), true, 0.5, "0.5"),
        (Value::text(""), false, 0.0, ""),
        (Value::text("0"), true, 0.0, "0"),
        (list(vec![]), true, 0.0, ""),
        (list(vec![Value::Number(7.0)]), true, 7.0, "7"),
        (list(vec![Value::Null, Value::text("a"), Value::Undefined]), true, f64::NAN, ",a,"),
        (table, true, f64::NAN, "[object Object]"),
    ] {
        assert_eq!(value.is_truthy(), truth, "{value:?}");
        assert_eq!(value.to_text().as_plain(), Some(text));
        assert_eq!(value.to_number().unwrap().to_bits(), number.to_bits(), "{value:?}");
    }
}

#[test]
fn a_variable_is_kept_as_such_and_plain_text_is_escaped() {
    let mut text = Text::plain("a.$");
    text.push(&Text::plain("{X}."));
    text.push(&Text::variable("HOSTNAME"));
    text.push(&Text::default());
    text.push(&Text::plain("$"));
    assert_eq!(text.template().as_deref(), Some("a.$${X}.${HOSTNAME}$"));
    assert_eq!(text.raw(), "a.${X}.${HOSTNAME}$");
    assert_eq!(text.as_plain(), None);
    assert_eq!(Value::Text(text.clone()).to_number(), None);
    assert!(Value::Text(Text::variable("X")).is_truthy());

    text.push(&Text::variable("X"));
    assert_eq!(text.template(), None, "the file would say that `${{X}}` is meant literally");
}

#[test]
fn a_table_has_each_name_once_in_the_place_of_the_first() {
    let mut table = Table::default();
    table.set("a".to_owned(), node(Value::Number(1.0)));
    table.set("b".to_owned(), node(Value::Null));
    table.set("a".to_owned(), node(Value::Number(2.0)));
    let names: Vec<&str> = table.entries().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(table.find("a"), Some(&node(Value::Number(2.0))));
    assert_eq!(table.find("c"), None);
}

#[test]
fn a_value_is_shown_on_one_line_and_not_too_long() {
    let mut table = Table::default();
    table.set("a\n".to_owned(), node(Value::text("it's \"b\"\n")));
    table.set("c".to_owned(), node(Value::List(vec![node(Value::Number(1.0)); 2])));
    assert_eq!(Value::Table(table).shown(), r#"{a\n: 'it's "b"\n', c: [1, 1]}"#);
    let long = Value::text(&"ü".repeat(80)).shown();
    assert_eq!(long, format!("'{}...", "ü".repeat(59)));
}
