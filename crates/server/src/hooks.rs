//! What tests have a daemon do that it never does by itself: get stuck, or panic, at a place.
//!
//! Only in builds with debug assertions: a release build has nothing of it.

#[cfg(not(debug_assertions))]
use std::time::Duration;

#[cfg(debug_assertions)]
pub(crate) use self::armed::{denied_calls_kill, patience, probe, reach};

/// Nothing happens here in a release build.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn reach(_place: &str) {}

/// Nothing is tried in a release build.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn probe() {}

/// A call that is refused fails in a release build.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn denied_calls_kill() -> bool {
    false
}

/// How long a stage may take.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn patience(usual: Duration) -> Duration {
    usual
}

#[cfg(debug_assertions)]
mod armed {
    use std::fs::File;
    use std::io;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::path::PathBuf;
    use std::process::Command;
    use std::sync::OnceLock;
    use std::time::Duration;
    use std::{env, thread};

    use crate::sys::trace_us;

    /// What is to happen: `WHAT PLACE FILE`, once the file is there.
    const VARIABLE: &str = "GSTATSD_TEST_HOOK";

    /// How long a stage may take where something is to happen: a test does not wait for minutes.
    const PATIENCE: Duration = Duration::from_secs(3);

    struct Hook {
        what: String,
        place: String,
        file: PathBuf,
    }

    /// A thread comes to a place.
    pub(crate) fn reach(place: &str) {
        static HOOK: OnceLock<Option<Hook>> = OnceLock::new();
        let Some(hook) = HOOK.get_or_init(hook) else { return };
        if hook.place != place || !hook.file.exists() {
            return;
        }
        match hook.what.as_str() {
            "stall" => loop {
                thread::sleep(Duration::from_secs(1));
            },
            _ => panic!("{VARIABLE} asks for it"),
        }
    }

    /// Tries what a daemon never does, and says what came of it. The variable names a file that
    /// is not ours, and an address that we have no business with.
    pub(crate) fn probe() {
        let Ok(text) = env::var("GSTATSD_TEST_PROBE") else { return };
        let Some((file, address)) = text.split_once(' ') else { return };
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0);
        let tried: [(&str, io::Result<()>); 6] = [
            ("execute", Command::new("/bin/true").status().map(drop)),
            ("open", File::open(file).map(drop)),
            ("write", File::options().append(true).open(file).map(drop)),
            ("connect", TcpStream::connect(address).map(drop)),
            ("listen", TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).map(drop)),
            ("trace", trace_us()),
        ];
        for (what, result) in tried {
            let came = result.map_or_else(|error| error.kind().to_string(), |()| "done".to_owned());
            log::info!("probe: {what}: {came}");
        }
    }

    /// Whether a call that is refused ends the process, so that tests see it. Not where it is tried
    /// what is refused.
    pub(crate) fn denied_calls_kill() -> bool {
        env::var_os("GSTATSD_TEST_SANDBOX").is_some() && env::var_os("GSTATSD_TEST_PROBE").is_none()
    }

    /// How long a stage may take.
    pub(crate) fn patience(usual: Duration) -> Duration {
        if env::var_os(VARIABLE).is_some() { usual.min(PATIENCE) } else { usual }
    }

    fn hook() -> Option<Hook> {
        let text = env::var(VARIABLE).ok()?;
        let (what, rest) = text.split_once(' ')?;
        // The name of a place may have blanks.
        let (place, file) = rest.rsplit_once(' ')?;
        Some(Hook { what: what.to_owned(), place: place.to_owned(), file: file.into() })
    }
}
