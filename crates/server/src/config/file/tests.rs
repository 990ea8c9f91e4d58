//! Tests of reading a file, and of the words in which it is refused.

use super::{File, Numbers};

/// The one error of a text that is no file.
fn error(text: &str) -> String {
    let errors = File::parse(text, "a.toml").unwrap_err();
    let [line] = errors.lines() else {
        panic!("not one line: {errors}");
    };
    line.clone()
}

#[test]
fn a_text_that_is_no_file_is_refused_in_one_line_with_its_place() {
    for (text, expected) in [
        ("percent = \"x\"", "line 1: percent: invalid type: string \"x\", expected a number"),
        (
            "\nworkers = 1.5",
            "line 2: workers: invalid type: floating point `1.5`, expected a whole number",
        ),
        ("align = 1", "line 1: align: invalid type: integer `1`, expected true or false"),
        ("[[sink]]\nurl = 1", "line 2: sink.url: invalid type: integer `1`, expected a string"),
        ("\n\nsink = 3", "line 3: sink: invalid type: integer `3`, expected an array"),
        ("listen = [3]", "line 1: listen: invalid type: integer `3`, expected a table"),
        ("[[sink]]\n[[sink]]\nulr = \"x\"", "line 3: unknown key `ulr`, expected one of `url`, "),
        ("[log]\nlvl = \"x\"", "line 2: unknown key `lvl`, expected `target` or `level`"),
        ("\"a\\nb\" = 1", "line 1: unknown key `a, b`, expected one of `dialect`, `workers`, "),
        (
            "workers = 99999999999999999999",
            "line 1: workers: invalid type: integer `99999999999999999999`, expected a whole",
        ),
        ("a = 1", "line 1: unknown key `a`, expected one of `dialect`, `workers`, "),
        ("percent = 1\npercent = 2", "line 2: duplicate key"),
        ("x = = 2", "line 1: extra `=`"),
        ("x = \"\"\"a\n\n", "line 3: invalid multi-line basic string"),
    ] {
        let line = error(text);
        assert!(line.starts_with(&format!("a.toml: {expected}")), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let errors = File::read("/nonexistent/a.toml".as_ref(), "/nonexistent/a.toml").unwrap_err();
    assert!(errors.to_string().starts_with("/nonexistent/a.toml: No such file"), "{errors}");
}

#[test]
fn the_place_of_a_key_has_its_line_or_that_of_its_table() {
    let text =
        "percent = 1\n\n[[sink]]\nname = \"a\"\n[[sink]]\nname = \"b\"\n[log]\nlevel = \"x\"";
    let origin = File::parse(text, "a.toml").unwrap().origin;
    for (path, place) in [
        ("percent", "a.toml: line 1: percent"),
        ("sink.0.name", "a.toml: line 4: sink.name"),
        ("sink.1.name", "a.toml: line 6: sink.name"),
        ("sink.1.url", "a.toml: line 5: sink.url"),
        ("log.level", "a.toml: line 8: log.level"),
        ("align", "a.toml: align"),
    ] {
        assert_eq!(origin.place(path), place);
    }
    assert_eq!(File::default().origin.place("sink.1.url"), "sink.url");
}

#[test]
fn whole_numbers_are_written_without_a_point() {
    let file = |number| File { percent: Some(Numbers(vec![number])), ..File::default() };
    assert!(toml::to_string(&file(90.0)).unwrap().contains("percent = 90\n"));
    assert!(toml::to_string(&file(99.9)).unwrap().contains("percent = 99.9\n"));
    assert!(toml::to_string(&file(1e300)).unwrap().parse::<toml::Table>().is_ok());
}
