//! The command line as a user has it: the real binary, its exit codes and what it prints.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The binary that is tested: that of this build, unless another is named.
fn gstatsd() -> Command {
    let binary = env::var_os("GSTATSD_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_gstatsd")), PathBuf::from);
    let mut command = Command::new(binary);
    command.stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
fn run(args: &[&str]) -> Output {
    gstatsd().args(args).output().expect("the binary starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines of standard error.
fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect()
}

/// A file of this test with this text; the name is that of the test.
fn file(name: &str, text: &str) -> io::Result<PathBuf> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    fs::write(&path, text)?;
    Ok(path)
}

/// A recorded case of gstatsd 0.6 and what ours says to it.
struct Case {
    args: &'static [&'static str],
    code: i32,
    /// The beginning of each line of standard error that is not usage.
    starts: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case { args: &["-h"], code: 0, starts: &[] },
    Case { args: &["--version"], code: 0, starts: &[] },
    Case { args: &["-s", "foo:bar"], code: 1, starts: &["gstatsd: -s: 'foo:bar' is no sink"] },
    Case {
        args: &["-s", "a:b:c", "-s", "1:x"],
        code: 1,
        starts: &["gstatsd: -s: 'a:b:c' is no sink", "gstatsd: -s: '1:x' is no sink"],
    },
    Case { args: &["-b", "", "-s", "2003"], code: 1, starts: &["gstatsd: -b: '' is no address"] },
    Case {
        args: &["-b", "abc", "-s", "2003"],
        code: 1,
        starts: &["gstatsd: -b: 'abc' is no address"],
    },
    Case {
        args: &["-f", "abc", "-s", "2003"],
        code: 1,
        starts: &["gstatsd: -f: 'abc' is not a number of seconds"],
    },
    Case {
        args: &["-p", "abc", "-s", "2003"],
        code: 1,
        starts: &["gstatsd: -p: 'abc' is not a number"],
    },
    Case { args: &["-z"], code: 2, starts: &["error: unexpected argument '-z' found", "Usage: "] },
    Case {
        args: &["-f"],
        code: 2,
        starts: &["error: a value is required for '-f/--flush <SECONDS>'"],
    },
];

/// The recorded cases that start the daemon, and the same on ports that are free.
const RUNNING: &[(&[&str], &[&str])] = &[
    (&[], &["-b", "127.0.0.1:0"]),
    (&["-b", "[::1]:8125", "-s", "2003"], &["-b", "[::1]:0", "-s", "2003"]),
    (
        &["-s", "127.0.0.1:1", "-b", "127.0.0.1:18125", "-f", "0.5", "extra", "args"],
        &["-s", "127.0.0.1:1", "-b", "127.0.0.1:0", "-f", "0.5", "extra", "args"],
    ),
];

/// The recorded command lines with what is recorded of them.
fn recorded() -> Vec<(Vec<String>, Value)> {
    let text = include_str!("../../../testdata/gstatsd.json");
    let all: Value = serde_json::from_str(text).expect("the recorded answers are JSON");
    let vectors = all["cli"].as_array().cloned().unwrap_or_default();
    let args = |vector: &Value| {
        let args = vector["args"].as_array().cloned().unwrap_or_default();
        args.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    vectors.into_iter().map(|vector| (args(&vector), vector)).collect()
}

#[test]
fn the_recorded_command_lines_end_as_recorded() {
    let recorded = recorded();
    assert_eq!(recorded.len(), CASES.len() + RUNNING.len());
    for (args, vector) in recorded {
        if RUNNING.iter().any(|(running, _)| args == *running) {
            continue;
        }
        let case = CASES.iter().find(|case| args == case.args).unwrap();
        assert_eq!(vector["rc"].as_i64(), Some(case.code.into()), "{args:?}");
        let output = run(case.args);
        let lines = lines(&output);
        assert_eq!(output.status.code(), Some(case.code), "{args:?}: {lines:?}");
        for start in case.starts {
            assert!(lines.iter().any(|line| line.starts_with(start)), "{args:?}: {lines:?}");
        }
        if case.code != 2 {
            assert_eq!(lines.len(), case.starts.len(), "one line for each error: {lines:?}");
        }
    }
}

#[test]
fn the_recorded_command_lines_that_run_do_run_until_they_are_told_to_end() {
    // Their sinks do not exist; there is no point in waiting for them at the end.
    let brief = file("brief", "shutdown_timeout = 0.1\n").unwrap();
    for (recorded_args, args) in RUNNING {
        assert!(recorded().iter().any(|(args, _)| args == recorded_args), "{recorded_args:?}");
        let mut command = gstatsd();
        command.args(*args).arg("-c").arg(&brief);
        let mut daemon = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(daemon.stderr.take().unwrap()).lines();
        // The last line that it says on start.
        let said: Vec<String> = stderr
            .by_ref()
            .map_while(Result::ok)
            .take_while(|line| !line.contains("try: gstatsd send"))
            .collect();
        assert_eq!(daemon.try_wait().unwrap(), None, "{args:?} ended: {said:?}");
        let stray = said.iter().filter(|line| line.starts_with("gstatsd: ignoring '")).count();
        assert_eq!(stray, if args.contains(&"extra") { 2 } else { 0 }, "{said:?}");
        let pid = daemon.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        // It has more to say, and must not wait for us.
        stderr.for_each(drop);
        assert_eq!(daemon.wait().unwrap().code(), Some(0), "{args:?}");
    }
}

#[test]
fn the_version_and_help_go_to_standard_output() {
    let version = concat!("gstatsd ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(stdout(&run(&["--version"])), version);
    assert!(stdout(&run(&["-h"])).contains("Usage: gstatsd [OPTIONS]"));
}

#[test]
fn a_mistyped_subcommand_is_a_wrong_use() {
    let output = run(&["chekc"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(lines(&output).iter().any(|line| line.contains("'check'")), "{:?}", lines(&output));
}

#[test]
fn stray_words_are_warned_about() {
    let output = run(&["-f", "abc", "extra", "args"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        lines(&output)[..2],
        ["gstatsd: ignoring 'extra'", "gstatsd: ignoring 'args'"],
        "before anything else is said"
    );
}

#[test]
fn check_prints_a_configuration_that_is_valid_and_the_same() {
    let path = file(
        "check_prints",
        "flush_interval = 0.1\nprefix = \"$${x}\"\n[[sink]]\nurl = \"graphite://[::1]:2003\"\n",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let first = run(&["check", "-p", "99.5", path]);
    assert_eq!(first.status.code(), Some(0), "{:?}", lines(&first));
    let shown = stdout(&first);
    assert!(shown.starts_with("# valid\n"), "{shown}");
    for line in ["flush_interval = 0.1", "percent = 99.5", "name = \"graphite___1_2003\""] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let again = file("check_prints_again", &shown).unwrap();
    assert_eq!(stdout(&run(&["check", again.to_str().unwrap()])), shown);
    assert_eq!(stdout(&run(&["check", "-c", again.to_str().unwrap()])), shown);
}

#[test]
fn import_prints_a_configuration_and_tells_each_error_in_one_line() {
    let testdata = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/import");
    let expected = fs::read_to_string(format!("{testdata}/statsd.toml")).unwrap();
    let (_, expected) = expected.split_once('\n').unwrap();
    let config = format!("{testdata}/statsd.js");
    let imported = run(&["import", &config]);
    assert_eq!(imported.status.code(), Some(0), "{:?}", lines(&imported));
    assert_eq!(stdout(&imported), format!("# Imported from {config}.\n{expected}"));

    let mut command = gstatsd();
    command.args(["import", "-"]).stdin(fs::File::open(&config).unwrap());
    let piped = command.output().unwrap();
    assert_eq!(stdout(&piped), format!("# Imported from standard input.\n{expected}"));

    let path = file("import_wrong", "{ prefixStats: '',\n percentThreshold: [0, x.y] }").unwrap();
    let path = path.to_str().unwrap();
    let output = run(&["import", path]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let wrong = lines(&output);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let start = format!("gstatsd: {path}: line 2: x.y cannot be evaluated here");
    assert!(wrong[0].starts_with(&start), "{wrong:?}");
    for (path, reason) in [("/nowhere/at/all.js", "cannot read"), ("/dev/null", "null is no")] {
        let output = run(&["import", path]);
        assert_eq!(output.status.code(), Some(1));
        assert!(lines(&output)[0].contains(reason), "{:?}", lines(&output));
    }
}

#[test]
fn check_tells_each_error_in_one_line() {
    let path = file("check_tells", "percent = 0\n\nworkers = -1\n").unwrap();
    let path = path.to_str().unwrap();
    let output = run(&["check", "-x", "${GSTATSD_NEVER_SET}", path]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let expected = [
        format!("gstatsd: {path}: line 3: workers: -1 is not between 0 and 1024 threads"),
        format!("gstatsd: {path}: line 1: percent: 0 is not in (0, 100]"),
        "gstatsd: -x: variable GSTATSD_NEVER_SET is not set".to_owned(),
    ];
    assert_eq!(lines(&output), expected);
}

#[test]
fn variables_come_from_the_environment() {
    let output = gstatsd()
        .args(["check", "-x", "a.${HOSTNAME}.${GSTATSD_ROLE}"])
        .env("HOSTNAME", "web1")
        .env("GSTATSD_ROLE", "front")
        .output()
        .unwrap();
    assert!(stdout(&output).contains("prefix = \"a.web1.front\"\n"), "{output:?}");
    // Shells seldom hand HOSTNAME on; the system knows it all the same.
    let output =
        gstatsd().args(["check", "-x", "${HOSTNAME}"]).env_remove("HOSTNAME").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!stdout(&output).contains("prefix = \"\"\n"), "{output:?}");
}

#[test]
fn relative_paths_start_where_the_program_was_started() {
    let output = gstatsd()
        .args(["check", "--log", "a.log", "--pid-file", "a.pid"])
        .current_dir("/")
        .output()
        .unwrap();
    assert!(stdout(&output).contains("target = \"/a.log\"\n"), "{output:?}");
    assert!(stdout(&output).contains("pid_file = \"/a.pid\"\n"), "{output:?}");
}

#[test]
fn docs_prints_each_page() {
    for (page, part) in [
        ("man", ".TH gstatsd 1"),
        ("config", "# Configuration"),
        ("bash", "complete -F _gstatsd"),
        ("zsh", "#compdef gstatsd"),
        ("fish", "complete -c gstatsd"),
    ] {
        let output = run(&["docs", page]);
        assert_eq!(output.status.code(), Some(0), "{page}");
        assert!(stdout(&output).contains(part), "{page}: {}", stdout(&output));
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let output = gstatsd().arg("check").stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_standard_output_that_takes_nothing_is_an_error() {
    let mut full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert!(full.write_all(b"x").is_err(), "the device is there and full");
    let output = gstatsd().arg("check").stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output).len(), 1, "{output:?}");
}
