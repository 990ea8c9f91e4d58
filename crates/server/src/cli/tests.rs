//! Tests of the command line.

use clap::{CommandFactory, error::ErrorKind};

use super::{Cli, Command, Page};

fn read(words: &[&str]) -> Cli {
    try_read(words).unwrap()
}

fn try_read(words: &[&str]) -> Result<Cli, clap::Error> {
    Cli::of_words(["gstatsd"].iter().chain(words))
}

fn error(words: &[&str]) -> (ErrorKind, String) {
    let error = try_read(words).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn the_definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_of_gstatsd_0_6_is_taken_in_both_spellings() {
    for words in [
        "-b 1 -s 2 -s 3 -f 4 -p 5 -x 6 -D",
        "-b1 -s2 -s3 -f4 -p5 -x6 -D",
        "--bind 1 --sink 2 --sink 3 --flush 4 --percent 5 --prefix 6 --daemonize",
        "--bind=1 --sink=2 --sink=3 --flush=4 --percent=5 --prefix=6 --daemonize",
        "--bi 1 --s 2 --sin 3 --fl 4 --perc 5 --pref 6 --daemon",
        "-D -b 1 -s 2 -s 3 -f 9 -f 4 -p 9 -p 5 -x 9 -x 6 -D",
    ] {
        let flags = read(&words.split(' ').collect::<Vec<_>>()).flags;
        assert_eq!(flags.bind, ["1"], "{words}");
        assert_eq!(flags.sink, ["2", "3"], "{words}");
        assert_eq!(flags.flush.as_deref(), Some("4"), "{words}");
        assert_eq!(flags.percent.as_deref(), Some("5"), "{words}");
        assert_eq!(flags.prefix.as_deref(), Some("6"), "{words}");
        assert!(flags.daemonize, "{words}");
    }
}

#[test]
fn flags_can_be_bundled_and_their_values_can_begin_with_a_hyphen() {
    let flags = read(&["-vvDs2003", "-p", "-10", "-f", "-1", "-x", "-y", "-b", "-1"]).flags;
    assert_eq!(flags.verbose, 2);
    assert!(flags.daemonize);
    assert_eq!(flags.sink, ["2003"]);
    assert_eq!(flags.percent.as_deref(), Some("-10"));
    assert_eq!(flags.flush.as_deref(), Some("-1"));
    assert_eq!(flags.prefix.as_deref(), Some("-y"));
    assert_eq!(flags.bind, ["-1"]);
}

#[test]
fn the_version_and_help_are_answers_not_errors() {
    for words in [["--version"], ["--ver"], ["-V"]] {
        assert_eq!(
            error(&words),
            (ErrorKind::DisplayVersion, format!("gstatsd {}\n", env!("CARGO_PKG_VERSION")))
        );
    }
    for words in [["-h"], ["--help"], ["--hel"]] {
        let (kind, text) = error(&words);
        assert_eq!(kind, ErrorKind::DisplayHelp);
        assert!(text.contains("gstatsd -s carbon1:2003 -s carbon2:2003 -f 10 -p 95"), "{text}");
    }
}

#[test]
fn an_unknown_flag_and_a_missing_value_are_named() {
    let (kind, text) = error(&["-z"]);
    assert_eq!(kind, ErrorKind::UnknownArgument);
    assert!(text.contains("'-z'") && text.contains("Usage:"), "{text}");
    assert!(!text.contains("-- -z"), "it would be a stray word there: {text}");
    for (words, name) in [
        (vec!["-f"], "'-f/--flush <SECONDS>'"),
        (vec!["-s", "1", "--percent"], "'-p/--percent <PERCENT>'"),
        (vec!["check", "-x"], "'-x/--prefix <PREFIX>'"),
        (vec!["--workers"], "'--workers <N>'"),
        (vec!["--sandbox"], "'--sandbox <HOW>'"),
    ] {
        let (_, text) = error(&words);
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn words_after_flags_are_stray() {
    assert_eq!(read(&["-s", "1", "extra", "args"]).stray, ["extra", "args"]);
    assert_eq!(read(&["-s", "1", "extra", "-f", "2"]).stray, ["extra"]);
    assert_eq!(read(&["--", "-s", "check-me"]).stray, ["-s", "check-me"]);
    assert!(read(&["-s", "1"]).stray.is_empty());
}

#[test]
fn a_first_word_that_is_no_subcommand_is_an_error_that_knows_better() {
    let (kind, text) = error(&["chekc"]);
    assert_eq!(kind, ErrorKind::InvalidSubcommand);
    assert!(text.contains("'chekc'") && text.contains("'check'"), "{text}");
}

#[test]
fn a_subcommand_after_flags_is_an_error() {
    let (kind, text) = error(&["-c", "gstatsd.toml", "check"]);
    assert_eq!(kind, ErrorKind::ArgumentConflict);
    assert!(text.contains("'check' must come before its flags"), "{text}");
}

#[test]
fn subcommands_take_the_flags_of_the_daemon() {
    let command = |words: &[&str]| read(words).command.unwrap();
    let Command::Check(check) = command(&["check", "--perc", "1", "-p", "2", "a.toml"]) else {
        panic!("not check");
    };
    assert_eq!(check.flags.percent.as_deref(), Some("2"));
    assert_eq!(check.file.as_deref(), Some("a.toml".as_ref()));
    let Command::Explain(explain) = command(&["explain", "-p", "2", "a:1|c"]) else {
        panic!("not explain");
    };
    assert_eq!((explain.flags.percent.as_deref(), explain.line.as_str()), (Some("2"), "a:1|c"));
    let Command::Replay(replay) = command(&["replay", "--timestamps", "-f", "1", "a"]) else {
        panic!("not replay");
    };
    assert!(replay.timestamps);
    assert_eq!(replay.flags.flush.as_deref(), Some("1"));
    assert_eq!(replay.file.to_str(), Some("a"));
}

#[test]
fn send_takes_lines_and_docs_a_page() {
    let Some(Command::Send(send)) = read(&["send", "--to", "h:1", "a:1|c", "b:1|c"]).command else {
        panic!("not send");
    };
    assert_eq!(send.to.as_deref(), Some("h:1"));
    assert_eq!(send.lines, ["a:1|c", "b:1|c"]);
    assert_eq!(error(&["send"]).0, ErrorKind::MissingRequiredArgument);
    let Some(Command::Docs(docs)) = read(&["docs", "man"]).command else {
        panic!("not docs");
    };
    assert_eq!(docs.page, Page::Man);
}

#[test]
fn one_file_is_checked_not_two() {
    assert_eq!(error(&["check", "-c", "a", "b"]).0, ErrorKind::ArgumentConflict);
}

#[test]
fn the_manual_page_tells_every_flag_and_every_subcommand() {
    let mut page = Vec::new();
    super::man::render(&mut page).unwrap();
    let page = String::from_utf8(page).unwrap().replace("\\-", "-");
    let command = Cli::command();
    for argument in command.get_arguments().filter_map(|argument| argument.get_long()) {
        assert!(page.contains(&format!("--{argument}")), "{argument}");
    }
    for subcommand in command.get_subcommands() {
        assert!(page.contains(&format!("gstatsd {}", subcommand.get_name())), "{subcommand}");
    }
    let title = concat!(".TH gstatsd 1 \" \" \"gstatsd ", env!("CARGO_PKG_VERSION"), "\" gstatsd");
    assert!(page.contains(title), "no date, and the version after it: {page}");
    for section in ["NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXAMPLES", "SIGNALS"] {
        assert!(page.contains(&format!(".SH {section}")), "{section}");
    }
}
