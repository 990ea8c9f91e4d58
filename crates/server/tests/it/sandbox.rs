//! A daemon that is closed in: what it does all the same, and what it cannot do any more.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::admin;
use crate::handover::end;
use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary, sum};

/// Starts a daemon of this build, which alone has hooks for tests, in a sandbox with this word.
pub(crate) fn command(word: &str, spy: &SpyGraphite, folder: &Folder, probe: &str) -> Command {
    let home = folder.file("home");
    fs::create_dir_all(&home).unwrap();
    let config = format!("{home}/gstatsd.toml");
    let text = format!(
        "sandbox = \"{word}\"\nflush_interval = 0.2\nlog.level = \"debug\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\
         [[listen]]\naddress = \"udp://127.0.0.1:0\"\n\
         [[listen]]\naddress = \"unix://{home}/socket\"\n\
         [[sink]]\nname = \"good\"\nurl = \"graphite://{}\"\n\
         [[sink]]\nname = \"file\"\nurl = \"file:{home}/lines.json\"\n",
        spy.sink()
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gstatsd"));
    command.args(["-c", &config]).stdin(Stdio::null());
    if !probe.is_empty() {
        command.env("GSTATSD_TEST_PROBE", probe);
    }
    command
}

fn start(word: &str, spy: &SpyGraphite, folder: &Folder, probe: &str) -> Daemon {
    Daemon::start_as_is(&mut command(word, spy, folder, probe))
}

#[test]
fn f96_it_works_and_nothing_else_can_be_done_with_it() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let foreign = folder.file("foreign");
    fs::write(&foreign, "not for us").unwrap();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let probe = format!("{foreign} {}", elsewhere.local_addr().unwrap());
    let mut daemon = start("require", &spy, &folder, &probe);
    for what in ["execute", "open", "write", "connect", "listen", "trace"] {
        let line = daemon.wait_for_log(&format!("probe: {what}: "));
        assert!(line.ends_with("permission denied"), "{line}");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    for line in ["CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{status}");
    }
    assert!(status.contains("Seccomp:\t2"), "{status}");
    let line = daemon.wait_for_log("admin: http://");
    let address = line.split("://").nth(1).unwrap().trim_end_matches('/').parse().unwrap();
    daemon.send(&["a:2|c"]);
    spy.wait_until("the counter", |lines| (sum(lines, "stats_counts.a") >= 2.0).then_some(()));
    admin::accounting_with(address, |shown| shown["metrics"]["sandbox.level"] == 3);
    // A reload reads and changes what was there at the start.
    let config = folder.file("home/gstatsd.toml");
    let text =
        fs::read_to_string(&config).unwrap().replace("log.level", "prefix = \"x\"\nlog.level");
    fs::write(&config, &text).unwrap();
    daemon.signal("HUP");
    daemon.wait_for_log("applied: prefix");
    daemon.send(&["a:3|c"]);
    spy.wait_until("the new name", |lines| (sum(lines, "stats_counts.x.a") >= 3.0).then_some(()));
    // What is out of reach is told.
    let text = text.replace("file:", "file:/elsewhere").replace("unix:", "tcp://127.0.0.1:1\"\n#");
    fs::write(&config, text).unwrap();
    daemon.signal("HUP");
    let line = daemon.wait_for_log("until SIGUSR2 or a restart this process is not allowed to");
    assert!(line.contains("to listen on TCP port 1, to write /elsewhere"), "{line}");
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    assert_books_close(&accounting(&log));
    assert!(fs::read_to_string(folder.file("home/lines.json")).unwrap().contains("\"a\""));
    assert!(!fs::exists(folder.file("home/socket")).unwrap(), "its socket was removed");
}

#[test]
fn without_a_sandbox_it_may_do_all_that_its_user_may() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = folder.file("foreign");
    fs::write(&file, "").unwrap();
    let probe = format!("{file} {}", elsewhere.local_addr().unwrap());
    let mut daemon = start("off", &spy, &folder, &probe);
    for what in ["execute", "open", "connect", "listen"] {
        assert!(daemon.wait_for_log(&format!("probe: {what}: ")).ends_with("done"));
    }
    // It asked to be traced: a signal would stop it, and nobody would let it go on. It is killed.
}

#[test]
fn another_user_runs_it_makes_its_folders_and_hands_over() {
    if !nix::unistd::Uid::effective().is_root() {
        println!("left out: only root can become another user");
        return;
    }
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    // Where it is built need not be open to others.
    let program = folder.file("gstatsd");
    fs::copy(binary(), &program).unwrap();
    let config = folder.file("gstatsd.toml");
    let text = format!(
        "user = \"nobody\"\nsandbox = \"require\"\nflush_interval = 0.2\n\
         state_directory = \"{}\"\n[[listen]]\naddress = \"udp://127.0.0.1:0\"\n\
         [[sink]]\nurl = \"graphite://{}\"\n",
        folder.file("made/state"),
        spy.sink()
    );
    fs::write(&config, text).unwrap();
    let mut daemon =
        Daemon::start_as_is(Command::new(&program).args(["-c", &config]).stdin(Stdio::null()));
    daemon.send(&["a:1|c"]);
    daemon.signal("USR2");
    let said = daemon.wait_for_log("handing over to process ");
    let next: u32 = said.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(daemon.wait_for_exit().success());
    daemon.send(&["a:2|c"]);
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw();
    let status = fs::read_to_string(format!("/proc/{next}/status")).unwrap();
    let ids = format!("Uid:\t{nobody}\t{nobody}\t{nobody}\t{nobody}\n");
    assert!(status.contains(&ids) && status.contains("Seccomp:\t2\n"), "{status}");
    assert!(fs::exists(folder.file("made/state/lock")).unwrap());
    spy.wait_until("all of it", |lines| (sum(lines, "stats_counts.a") >= 3.0).then_some(()));
    end(next);
}

/// A machine that has little: nothing can be written, there is no `/proc` and no `/sys`, nobody
/// knows the user, and the stack is small.
const LITTLE: &str = "set -e; mount --make-rprivate /; mount -t tmpfs none /proc; \
    mount -t tmpfs none /sys; mount -o remount,bind,ro /; ulimit -s 64; \
    exec setpriv --reuid=54321 --regid=54321 --clear-groups --no-new-privs \"$@\"";

#[test]
fn f97_it_serves_where_there_is_little_and_hands_over_there() {
    let is_there = Command::new("unshare").args(["--mount", "true"]).output();
    if !is_there.is_ok_and(|output| output.status.success()) {
        println!("left out: this user may not have a file system of its own");
        return;
    }
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let program = folder.file("gstatsd");
    fs::copy(binary(), &program).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", LITTLE, "sh", &program, "-b", "127.0.0.1:0"]);
    command.args(["-f", "0.2", "-s", &spy.sink(), "--sandbox", "auto"]);
    let mut daemon = Daemon::start_as_is(command.stdin(Stdio::null()));
    daemon.wait_for_log("sandbox: ");
    daemon.send(&["a:1|c"]);
    daemon.signal("USR2");
    let said = daemon.wait_for_log("handing over to process ");
    assert!(daemon.wait_for_exit().success());
    daemon.send(&["a:2|c"]);
    spy.wait_until("all of it", |lines| (sum(lines, "stats_counts.a") >= 3.0).then_some(()));
    assert!(spy.lines().iter().any(|line| line.name == "gstatsd.sandbox.level"));
    end(said.rsplit(' ').next().unwrap().parse().unwrap());
}
