//! Tests of the reader of JavaScript. The expected values are those of Node.js 20.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::value::{Node, Table, Text, Value};
use super::read;

/// The value of a text without problems.
fn value(text: &str) -> Value {
    match read(text) {
        Ok(node) => node.value,
        Err(problems) => panic!("{text}: {problems:?}"),
    }
}

/// The problems of a text, as `line: what`.
fn problems(text: &str) -> Vec<String> {
    let problems = read(text).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{}: {}", problem.line, problem.what)).collect()
}

fn plain(text: &str) -> Value {
    Value::text(text)
}

#[test]
fn a_configuration_as_people_write_it_is_read() {
    let text = "\u{feff}/* What it does.\n   { not: this } */\n{\n  port: 8125 // with {\n\
                , 'single': 'it\\'s', \"double\": \"a\\\"b\"\n, trailing: [ 1, 'inf', ],\n \
                nested: { $_x9: null, 7: true, 'a b': {} } ,\n};\n";
    let Value::Table(table) = value(text) else { panic!("not a table") };
    let lines: Vec<_> =
        table.entries().iter().map(|(name, node)| (name.as_str(), node.line)).collect();
    assert_eq!(lines, [("port", 4), ("single", 5), ("double", 5), ("trailing", 6), ("nested", 7)]);
    let of = |name: &str| table.find(name).unwrap().value.clone();
    assert_eq!(of("port"), Value::Number(8125.0));
    assert_eq!(of("single"), plain("it's"));
    assert_eq!(of("double"), plain("a\"b"));
    assert_eq!(of("trailing").shown(), "[1, 'inf']");
    assert_eq!(of("nested").shown(), "{$_x9: null, 7: true, a b: {}}");
}

#[test]
fn numbers_are_read_in_every_way_to_write_them() {
    for (text, number) in [
        ("0", 0.0),
        ("8125", 8125.0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("2e+2", 200.0),
        ("0x1Ff", 511.0),
        ("0xe", 14.0),
        ("0xe+1", 15.0),
        ("0o17", 15.0),
        ("0b101", 5.0),
        ("0755", 493.0),
        ("0789", 789.0),
        ("1_000_000", 1e6),
        ("-10", -10.0),
        ("+ 7", 7.0),
        ("- - 7", 7.0),
        ("Infinity", f64::INFINITY),
        ("1e400", f64::INFINITY),
    ] {
        assert_eq!(value(text), Value::Number(number), "{text}");
    }
    for text in ["1__0", "1_", "0x", "0b2", "1.2.3", "3px", "1e", ".", "5n", "0_1"] {
        assert_eq!(problems(text).len(), 1, "{text}");
    }
}

#[test]
fn texts_are_read_with_their_escapes() {
    for (text, expected) in [
        (r"''", ""),
        (r"'a\n\t\r\b\f\v\0\\\'\z'", "a\n\t\r\u{8}\u{c}\u{b}\0\\'z"),
        (r"'\x41\u0042\u{43}\u{01F600}'", "ABC\u{1F600}"),
        (r"'\uD83D\uDE00\uD83D'", "\u{1F600}\u{FFFD}"),
        (r"'\101\60\08\400'", "A0\u{0}8\u{20}0"),
        ("'a\\\nb\\\r\nc\\\u{2028}d'", "abcd"),
        ("'\u{2028}// /* no comment'", "\u{2028}// /* no comment"),
        ("` a\r\nb\r$ \\` ${ 1 + 1 }c`", " a\nb\n$ ` 2c"),
        ("`a${`b${'c'}`}`", "abc"),
    ] {
        assert_eq!(value(text), plain(expected), "{text}");
    }
    for text in
        ["'a", "'a\nb'", "'a\rb'", "'\\", "'\\x4'", "'\\u{}'", "'\\u{110000}'", "`a${1", "`${1]`"]
    {
        assert_eq!(problems(text).len(), 1, "{text}");
    }
}

#[test]
fn operators_between_known_values_are_evaluated() {
    for (text, expected) in [
        ("60 * 1000", Value::Number(60_000.0)),
        ("1 + 2 * 3 - 8 / 4 % 3", Value::Number(5.0)),
        ("(1 + 2) * 3", Value::Number(9.0)),
        ("2 ** 3 ** 2", Value::Number(512.0)),
        ("10 - 3 - 2", Value::Number(5.0)),
        ("'a' + 'b' + 1", plain("ab1")),
        ("1 + 2 + 'a'", plain("3a")),
        ("1 + true + null", Value::Number(2.0)),
        ("[1, 2] + 'x'", plain("1,2x")),
        ("'6' * '7'", Value::Number(42.0)),
        ("-'5'", Value::Number(-5.0)),
        ("!0", Value::Bool(true)),
        ("!!''", Value::Bool(false)),
        ("null || 'x'", plain("x")),
        ("'y' || x.y()", plain("y")),
        ("0 && x", Value::Number(0.0)),
        ("0 ?? 5", Value::Number(0.0)),
        ("undefined ?? 5", Value::Number(5.0)),
        ("1 ? 'a' : 'b'", plain("a")),
        ("0 ? 'a' : '' ? 'b' : 'c'", plain("c")),
        ("1?.5:2", Value::Number(0.5)),
        ("({ ['a' + 1]: 1 })", {
            let mut table = Table::default();
            table.set("a1".to_owned(), Node { line: 1, value: Value::Number(1.0) });
            Value::Table(table)
        }),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn the_host_name_and_the_environment_become_variables() {
    let variable = |name: &str| Value::Text(Text::variable(name));
    for text in [
        "require('os').hostname()",
        "require(\"os\").hostname()",
        "require ( `os` ) . hostname ( )",
        "require('node:os')/* */.hostname()",
        "(require('os')).hostname()",
    ] {
        assert_eq!(value(text), variable("HOSTNAME"), "{text}");
    }
    for text in ["process.env.PORT_1", "process.env['PORT_1']", "process . env\n. PORT_1"] {
        assert_eq!(value(text), variable("PORT_1"), "{text}");
    }
    let Value::Text(text) = value("'stats.' + process.env.DC + '.' + 1") else { panic!() };
    assert_eq!(text.raw(), "stats.${DC}.1");
    let Value::Text(text) = value("`${process.env.DC}-x`") else { panic!() };
    assert_eq!(text.raw(), "${DC}-x");
}

#[test]
fn what_cannot_be_evaluated_is_shown_with_its_line() {
    let help = " cannot be evaluated here: write its value, or ${NAME} for a variable of the \
                environment";
    for (text, expected) in [
        (
            "{\na: require('os').hostname().split('.')[0]\n}",
            "2: require('os').hostname().split('.')[0]",
        ),
        ("[1,\nprocess.env.X || 'a']", "2: process.env.X || 'a'"),
        ("process.env.X ? 1 : 2", "1: process.env.X ? 1 : 2"),
        ("x === 'a' && 5", "1: x === 'a' && 5"),
        ("!process.env.X", "1: !process.env.X"),
        ("5 | 1", "1: 5 | 1"),
        ("~5", "1: ~5"),
        ("x", "1: x"),
        ("process.env", "1: process.env"),
        ("process.env.X.length", "1: process.env.X.length"),
        ("process.env['a b']", "1: process.env['a b']"),
        ("require('fs').hostname()", "1: require('fs').hostname()"),
        ("parseInt('5', 10) + 2", "1: parseInt('5', 10) + 2"),
        ("'a.b'.split('.')[0]", "1: 'a.b'.split('.')[0]"),
        ("`a${x}`", "1: `a${x}`"),
        ("1 + x", "1: 1 + x"),
        ("a?.b", "1: a?.b"),
        ("1 > 2", "1: 1 > 2"),
        ("{ [x]: 1 }", "1: [x]"),
        ("{ a: function() { return 1 } }", "1: function() { return 1 } }"),
    ] {
        assert_eq!(problems(text), [format!("{expected}{help}")], "{text}");
    }
    assert_eq!(problems("{a: x,\nb: 1,\nc: y}").len(), 2, "all of them are told");
}

#[test]
fn what_is_no_literal_is_told_with_its_line() {
    for (text, expected) in [
        ("", "1: there is no configuration in it"),
        ("// only a comment", "1: there is no configuration in it"),
        ("{\n a: 1\n b: 2 }", "3: 'b' where '}' is expected"),
        ("{ a }", "1: '}' where ':' is expected"),
        ("{ , a: 1 }", "1: ',' where a key is expected"),
        ("{ a: 1,, }", "1: ',' where a key is expected"),
        ("{ a: }", "1: '}' where a value is expected"),
        ("{ a: 1 } }", "1: '}' after the configuration"),
        ("{ a: 1 }, 2", "1: ',' after the configuration"),
        ("{ a: 1", "1: the file ends where '}' is expected"),
        ("[1 2]", "1: '2' where ']' is expected"),
        ("1 => 2", "1: '=' after the configuration"),
        ("x`a`", "1: '`' after a value"),
        ("{ a: /x/ }", "1: '/' where a value is expected"),
        ("\n/* no end", "2: the comment that begins here does not end"),
        ("f(1 2)", "1: '2' where ')' is expected"),
    ] {
        assert_eq!(problems(text), [expected], "{text}");
    }
}

#[test]
fn holes_of_a_list_are_undefined() {
    assert_eq!(value("[, 1,, 2,]").shown(), "[undefined, 1, undefined, 2]");
}

#[test]
fn a_text_that_nests_deeper_than_any_configuration_is_refused() {
    for (text, depth) in [("[", 200_000), ("-", 200_000), ("1**", 200_000), ("{a:", 200_000)] {
        assert_eq!(problems(&text.repeat(depth)).len(), 1, "{text}");
    }
    assert_eq!(value(&format!("{}{}", "[".repeat(50), "]".repeat(50))).to_text(), Text::default());
    let long = format!("1{}", " + 1".repeat(5_000));
    assert_eq!(value(&long), Value::Number(5_001.0));
}

/// A value that a literal can have.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |n| !n.is_nan())
            .prop_map(Value::Number),
        any::<String>().prop_map(|text| plain(&text)),
        "[A-Z_]{1,4}".prop_map(|name| Value::Text(Text::variable(&name))),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let node = inner.prop_map(|value| Node { line: 1, value });
        let table = |entries: Vec<(String, Node)>| {
            let mut table = Table::default();
            entries.into_iter().for_each(|(name, node)| table.set(name, node));
            Value::Table(table)
        };
        prop_oneof![
            prop::collection::vec(node.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec((any::<String>(), node), 0..6).prop_map(table),
        ]
    })
}

/// Writes a value as a literal, all on one line; `style` chooses between the ways to write it.
fn write(value: &Value, style: &mut impl Iterator<Item = u8>, text: &mut String) {
    let comment = match style.next() {
        Some(byte) if byte % 4 == 0 => "/*,*/ ",
        _ => " ",
    };
    text.push_str(comment);
    let quoted = |plain: &str, quote: char, text: &mut String| {
        text.push(quote);
        for c in plain.chars() {
            match c {
                '\\' | '\'' | '"' | '`' | '$' => write!(text, "\\{c}").unwrap(),
                c if c.is_control() => write!(text, "\\u{{{:x}}}", u32::from(c)).unwrap(),
                c => text.push(c),
            }
        }
        text.push(quote);
    };
    let quote = ['\'', '"', '`'][usize::from(style.next().unwrap_or(0) % 3)];
    match value {
        Value::Undefined => text.push_str("undefined"),
        Value::Null => text.push_str("null"),
        Value::Bool(value) => write!(text, "{value}").unwrap(),
        Value::Number(number) if number.is_infinite() => {
            text.push_str(if *number > 0.0 { "Infinity" } else { "-Infinity" });
        }
        Value::Number(number) => match style.next() {
            Some(byte) if byte % 2 == 0 => write!(text, "{number:e}").unwrap(),
            _ => write!(text, "{number:?}").unwrap(),
        },
        Value::Text(plain) => match plain.as_plain() {
            Some(plain) => quoted(plain, quote, text),
            None => {
                write!(text, "process.env.{}", plain.raw().replace(['$', '{', '}'], "")).unwrap()
            }
        },
        Value::List(items) => {
            text.push('[');
            for item in items {
                write(&item.value, style, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Table(table) => {
            text.push('{');
            for (name, node) in table.entries() {
                quoted(name, if quote == '`' { '"' } else { quote }, text);
                text.push(':');
                write(&node.value, style, text);
                text.push(',');
            }
            text.push('}');
        }
    }
}

proptest! {
    #[test]
    fn property_test_any_text_is_read_or_refused_without_a_panic(text in any::<String>()) {
        read(&text).ok();
    }

    #[test]
    fn property_test_any_text_of_signs_that_mean_something_is_read_or_refused(
        text in concat!(
            r#"([{}\[\]()+*?:;,.'"`$\\/<>=!&|%x0-9a \n-]|\$\{|//|/\*|\*/|\?\.|\\u|0x|"#,
            r#"require\('os'\)|process\.env){0,24}"#,
        )
    ) {
        read(&text).ok();
    }

    #[test]
    fn property_test_a_literal_reads_back_to_the_same_value(
        value in values(),
        style in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut text = String::new();
        write(&value, &mut style.into_iter(), &mut text);
        prop_assert_eq!(read(&text), Ok(Node { line: 1, value }), "{}", text);
    }
}
