//! The layers between the modules of the server: its data goes one way.

use std::collections::BTreeSet;

use super::Finding;
use super::lexer::{code, is_word, line_at};
use super::tree::File;

/// The sources this table is about.
const SERVER: &str = "crates/server/src/";

/// The one source of the server that may use the client: what the daemon sends elsewhere has
/// sinks and relays of its own.
const SENDS: &str = "commands/send.rs";

/// A module directly under the root of the server, and what of `crate::` it may use.
struct Module {
    name: &'static str,
    may_use: Uses,
}

/// What a module may use. `flush::Inbox` stands for that one item of `flush`.
enum Uses {
    All,
    AllBut(&'static [&'static str]),
    Only(&'static [&'static str]),
}

/// The modules: the foundations, the path of a metric from its end to its beginning, and what
/// puts them together. A stage of the path knows the inbox of the next one, and nothing that
/// comes before it.
const MODULES: &[Module] = &[
    // What was typed: read by clap, understood by `config`.
    Module { name: "cli", may_use: Uses::Only(&[]) },
    // The one place that reads clocks.
    Module { name: "clock", may_use: Uses::Only(&[]) },
    // Turns signals into a word; who waits for it is the daemon's business.
    Module { name: "signals", may_use: Uses::Only(&[]) },
    // System calls and nothing else, so that `unsafe` has no reason to be elsewhere.
    Module { name: "sys", may_use: Uses::Only(&[]) },
    // What is meant: made from what was typed and from the file.
    Module { name: "config", may_use: Uses::Only(&["cli", "sys::passed_names"]) },
    // What is configured, in the words of the aggregate crate.
    Module { name: "aggregation", may_use: Uses::Only(&["config"]) },
    // Where the log goes is configured, and a line of it has a time.
    Module { name: "logging", may_use: Uses::Only(&["clock", "config"]) },
    // A file that says which process runs.
    Module { name: "pid_file", may_use: Uses::Only(&[]) },
    // Speaks of losses in the log, not too often.
    Module { name: "losses", may_use: Uses::Only(&["clock"]) },
    // Counts by address, in bounded memory.
    Module { name: "senders", may_use: Uses::Only(&[]) },
    // Sorts names and writes them down, on a thread of its own.
    Module { name: "frequent", may_use: Uses::Only(&["clock"]) },
    // The end of the path: queues and sinks.
    Module {
        name: "deliver",
        may_use: Uses::Only(&[
            "beats",
            "clock",
            "config::Delivery",
            "config::Spool",
            "config::SpoolOfSink",
            "tally::Held",
            "tally::Holding",
            "totals::Standing",
        ]),
    },
    // What outlives the process: files, and a thread that writes them.
    Module { name: "state", may_use: Uses::Only(&["clock"]) },
    // Counts in a file that outlives a kill.
    Module { name: "tally", may_use: Uses::Only(&[]) },
    // Keeps what sinks have summed up, in files that outlive a kill.
    Module { name: "totals", may_use: Uses::Only(&["beats", "tally::boot_id"]) },
    // Merges what the workers push and hands it on.
    Module {
        name: "flush",
        may_use: Uses::Only(&[
            "accounting",
            "beats",
            "logging::lines_dropped",
            "notes",
            "clock",
            "connections",
            "deliver",
            "forward::Forwarding",
            "frequent",
            "losses",
            "memory::Memory",
            "senders",
            "state",
            "tally",
        ]),
    },
    // The books of connections: who may have one more, and what became of each.
    Module { name: "connections", may_use: Uses::Only(&[]) },
    // Passes lines on to other StatsDs; refuses those that we listen on.
    Module { name: "forward", may_use: Uses::Only(&["clock", "config", "listen::Sockets"]) },
    // The loop of a worker: receives, counts, pushes at the deadline. Of the next stage it knows
    // where to push, and what.
    Module {
        name: "work",
        may_use: Uses::Only(&[
            "beats",
            "clock",
            "config",
            "connections",
            "flush::Closes",
            "flush::Inbox",
            "flush::Push",
            "forward::Forwarder",
            "senders",
            "sys",
            "tally::Taking",
            "tls",
        ]),
    },
    // The budget of memory, and a thread that looks at it.
    Module {
        name: "memory",
        may_use: Uses::Only(&[
            "beats::Beat",
            "clock",
            "connections",
            "forward::Forwarding",
            "sys::Resident",
            "sys::give_back_memory",
        ]),
    },
    // Certificates and encrypted connections.
    Module { name: "tls", may_use: Uses::Only(&["config", "connections"]) },
    // Hands connections to the workers: what it knows of them is where they are told things.
    Module {
        name: "accept",
        may_use: Uses::Only(&[
            "beats::Beat",
            "clock",
            "config",
            "connections",
            "tls",
            "work::Connection",
            "work::Control",
            "work::ControlInbox",
            "work::ListenerId",
        ]),
    },
    // Sockets for those two, without an idea of what arrives.
    Module {
        name: "listen",
        may_use: Uses::Only(&[
            "accept::Listening",
            "accept::Terms",
            "config",
            "sys",
            "tls",
            "work::DatagramSocket",
        ]),
    },
    // What tests have a debug build do.
    Module { name: "hooks", may_use: Uses::Only(&["sys::trace_us"]) },
    // Whether the stages advance.
    Module { name: "beats", may_use: Uses::Only(&["clock", "hooks"]) },
    // How the books stand, for whoever looks.
    Module { name: "accounting", may_use: Uses::Only(&[]) },
    // What HTTP shows of the daemon.
    Module {
        name: "admin",
        may_use: Uses::Only(&["accounting", "beats", "clock", "config", "http", "notes", "tls"]),
    },
    // Numbers of what is no stage of the path.
    Module { name: "notes", may_use: Uses::Only(&[]) },
    // Serves pages, whatever they show.
    Module {
        name: "http",
        may_use: Uses::Only(&["config", "hooks", "listen::bind_connections", "notes", "tls"]),
    },
    // A page for Prometheus: its sink, and what a server shows of it.
    Module { name: "scrape", may_use: Uses::Only(&["config", "http", "sinks"]) },
    // What is configured, in the words of the sinks crate.
    Module { name: "sinks", may_use: Uses::Only(&["beats", "clock", "config"]) },
    // What the process cannot do any more.
    Module { name: "sandbox", may_use: Uses::Only(&["config", "hooks", "sys"]) },
    // Who has started us, and what it is told.
    Module { name: "systemd", may_use: Uses::Only(&["beats", "clock", "sys"]) },
    // Takes commands: asks the flush, and tells the workers to push early for it.
    Module {
        name: "manage",
        may_use: Uses::Only(&[
            "clock",
            "config",
            "connections",
            "flush",
            "forward::Forwarding",
            "listen::ManagementSockets",
            "listen::SocketFile",
            "work::Control",
            "work::ControlInbox",
        ]),
    },
    // Starts the next process, and gives it all sockets; knows nothing of what comes over them.
    Module {
        name: "handover",
        may_use: Uses::Only(&[
            "hooks",
            "listen::is_open_to_all",
            "sys::DESCRIPTORS_MAX",
            "sys::Stdio",
            "sys::drop_privileges",
            "sys::passed_names",
            "sys::passed_sockets",
            "sys::receive_message",
            "sys::run_apart",
            "sys::send_message",
            "sys::sockets",
        ]),
    },
    // Puts the stages together and takes them apart in order.
    Module { name: "daemon", may_use: Uses::AllBut(&["cli", "commands", "lib"]) },
    // Foreign configurations as ours: text in, text out.
    Module { name: "import", may_use: Uses::Only(&["config"]) },
    // The subcommands: they have none of the daemon's sockets and threads.
    Module {
        name: "commands",
        may_use: Uses::Only(&[
            "aggregation",
            "cli",
            "clock",
            "config",
            "import",
            "recording",
            "sinks",
        ]),
    },
    // Chooses between them.
    Module { name: "lib", may_use: Uses::All },
    // Calls that.
    Module { name: "main", may_use: Uses::Only(&[]) },
];

/// Checks the uses of `crate::` in one source of the server; other files pass.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let Some(inner) = path.strip_prefix(SERVER).filter(|inner| inner.ends_with(".rs")) else {
        return Vec::new();
    };
    let name = module_of(inner);
    let Some(module) = MODULES.iter().find(|module| module.name == name) else {
        let message = format!("module `{name}` has no row in xtask/src/tidy/modules.rs");
        return vec![Finding::new(path, 1, message)];
    };
    let code = code(text);
    let mut findings = Vec::new();
    if let Some(at) = code.find("gstatsd_client").filter(|_| inner != SENDS) {
        let message = format!("`gstatsd_client` is for {SENDS} alone");
        findings.push(Finding::new(path, line_at(text, at), message));
    }
    for (at, used) in uses(&code) {
        let target = used.split("::").next().unwrap_or_default();
        if target == name {
            continue;
        }
        let line = line_at(text, at);
        if !MODULES.iter().any(|module| module.name == target) {
            let message = format!("`crate::{used}` is in no module of xtask/src/tidy/modules.rs");
            findings.push(Finding::new(path, line, message));
        } else if !module.may_use.allows(&used) {
            let message = format!("`{name}` may not use `crate::{used}`: the data goes one way");
            findings.push(Finding::new(path, line, message));
        }
    }
    findings
}

/// Checks that each row is about a module that exists, once there is a server.
pub(super) fn check_table(files: &[File]) -> Vec<Finding> {
    let paths = files.iter().filter_map(|file| file.path.strip_prefix(SERVER));
    let found: BTreeSet<&str> = paths.map(module_of).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let rows = MODULES.iter().map(|module| module.name).filter(|name| !found.contains(name));
    let message = |name| format!("the table has a row for `{name}`, which is no module");
    rows.map(|name| Finding::new("xtask/src/tidy/modules.rs", 0, message(name))).collect()
}

impl Uses {
    fn allows(&self, used: &str) -> bool {
        let covers = |entry: &&'static str| {
            used.strip_prefix(*entry).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        match self {
            Self::All => true,
            Self::AllBut(entries) => !entries.iter().any(covers),
            Self::Only(entries) => entries.iter().any(covers),
        }
    }
}

/// The top-level module a file of the server belongs to.
fn module_of(inner: &str) -> &str {
    let first = inner.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// Every path that begins with `crate::`, without it, and where it stands. `use` groups are
/// taken apart; two segments are kept, which is what the table speaks of.
fn uses(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        if !code[..at].ends_with(is_word) {
            expand(code, at + start.len(), "", &mut found);
        }
    }
    found
}

/// Reads the use tree at `at`, adds its paths under `prefix`, and returns where it ends.
fn expand(code: &str, at: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let mut at = at + blank_bytes(&code[at..]);
    if code[at..].starts_with('{') {
        at += 1;
        loop {
            at += blank_bytes(&code[at..]);
            match code[at..].chars().next() {
                None => return at,
                Some('}') => return at + 1,
                Some(',') => at += 1,
                // Nothing else stands between the parts of a group; do not stay here.
                Some(other) => at = expand(code, at, prefix, found).max(at + other.len_utf8()),
            }
        }
    }
    let rest = &code[at..];
    let end = rest.find(|c: char| !is_word(c) && c != '*').unwrap_or(rest.len());
    let path = if prefix.is_empty() {
        rest[..end].to_owned()
    } else {
        format!("{prefix}::{}", &rest[..end])
    };
    let after = &rest[end..];
    if after.starts_with("::") && (prefix.is_empty() || after[2..].trim_start().starts_with('{')) {
        return expand(code, at + end + 2, &path, found);
    }
    found.push((at, path));
    // The tail of the path, a name after `as`, and what else comes before the next part.
    at + end + after.find([',', '}', ';']).unwrap_or(after.len())
}

fn blank_bytes(code: &str) -> usize {
    code.len() - code.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(inner: &str, text: &str) -> Vec<usize> {
        check(&format!("{SERVER}{inner}"), text).iter().map(|finding| finding.line).collect()
    }

    fn paths(code: &str) -> Vec<String> {
        uses(code).into_iter().map(|(_, path)| path).collect()
    }

    #[test]
    fn paths_are_found_in_uses_groups_and_expressions() {
        assert_eq!(paths("use crate::a;"), ["a"]);
        assert_eq!(paths("let b = crate::a::b::c();"), ["a::b"]);
        assert_eq!(paths("use crate::{a, b::c as d, e::*};"), ["a", "b::c", "e::*"]);
        assert_eq!(paths("use crate::a::{b, c};"), ["a::b", "a::c"]);
        let nested = "use crate::{\n    a::{b::{self, c}, d},\n    e,\n};\nuse crate::f;";
        assert_eq!(paths(nested), ["a::b::self", "a::b::c", "a::d", "e", "f"]);
        assert_eq!(paths("pub(crate) fn a() {} use other_crate::a;"), [""; 0]);
        assert_eq!(paths("use crate::{a"), ["a"]);
    }

    #[test]
    fn a_use_against_the_direction_is_found() {
        assert_eq!(lines("flush.rs", "//! A.\nuse crate::deliver::Queue;\n"), [0_usize; 0]);
        assert_eq!(lines("deliver.rs", "//! A.\nuse crate::flush::Inbox;\n"), [2]);
        assert_eq!(lines("deliver/queue.rs", "//! A.\n\nuse crate::{clock, flush};\n"), [3]);
        assert_eq!(lines("work.rs", "//! A.\nfn a() { crate::daemon::run() }\n"), [2]);
        assert_eq!(lines("daemon.rs", "//! A.\nuse crate::cli;\nuse crate::work;\n"), [2]);
    }

    #[test]
    fn a_row_may_name_one_item_of_a_module() {
        assert_eq!(lines("work.rs", "//! A.\nuse crate::flush::Inbox;\n"), [0_usize; 0]);
        assert_eq!(lines("work.rs", "//! A.\nuse crate::flush::InboxOfAnother;\n"), [2]);
        assert_eq!(lines("work.rs", "//! A.\nuse crate::flush::{Inbox, merge};\n"), [2]);
        assert_eq!(lines("work.rs", "//! A.\nuse crate::flush;\n"), [2]);
    }

    #[test]
    fn the_client_is_for_one_command() {
        assert_eq!(lines("commands/send.rs", "//! A.\nuse gstatsd_client::Kind;\n"), [0_usize; 0]);
        assert_eq!(lines("commands/check.rs", "//! A.\nuse gstatsd_client::Kind;\n"), [2]);
        assert_eq!(lines("flush.rs", "//! A.\n// gstatsd_client\n"), [0_usize; 0]);
    }

    #[test]
    fn a_module_uses_itself_and_comments_do_not_count() {
        assert_eq!(lines("sys/socket.rs", "//! A.\nuse crate::sys::socket;\n"), [0_usize; 0]);
        assert_eq!(lines("sys.rs", "//! See [`crate::daemon`].\n// crate::work\n"), [0_usize; 0]);
        assert_eq!(check("crates/wire/src/a.rs", "use crate::b;\n"), []);
    }

    #[test]
    fn a_module_without_a_row_is_found_and_a_row_without_a_module() {
        assert_eq!(lines("relay.rs", "//! A.\n"), [1]);
        assert_eq!(lines("main.rs", "//! A.\nuse crate::relay;\n"), [2]);
        let file = |path: String| File { path, bytes: 1, text: None };
        let all: Vec<File> =
            MODULES.iter().map(|module| file(format!("{SERVER}{}.rs", module.name))).collect();
        assert_eq!(check_table(&all), []);
        assert_eq!(check_table(&all[1..]).len(), 1);
        assert_eq!(check_table(&[file("crates/wire/src/a.rs".to_owned())]), []);
    }
}
