//! F74: what a kill costs is told by the next daemon, as the sender knows it. The test holds the
//! socket, as systemd would, so that nothing is lost beside.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary, sum};

/// Samples of a datagram: with the pauses of the test about 100,000 in a second.
const SAMPLES: u64 = 50;
/// How many samples a worker takes at once at most: those of the datagrams of a batch.
const BATCH_MAX: u64 = 1_024 * SAMPLES;

/// A daemon that gets this socket as from systemd.
pub(crate) fn start(socket: &UdpSocket, config: &str) -> Daemon {
    let exec = "exec 3<&0 0</dev/null; export LISTEN_PID=$$; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", exec, "sh", &binary(), "-c", config]).env("LISTEN_FDS", "1");
    command.stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())));
    Daemon::start_with_input(&mut command)
}

/// A configuration with a sink that is up and one that is down.
fn config(folder: &Folder, spy: &SpyGraphite) -> String {
    let config = folder.file("gstatsd.toml");
    let text = format!(
        "flush_interval = 0.03\nown_metrics = \"\"\nworkers = 1\nstate_directory = \"{}\"\n\
         [[sink]]\nname = \"good\"\nurl = \"graphite://{}\"\n\
         [[sink]]\nname = \"down\"\nurl = \"graphite://127.0.0.1:1\"\n",
        folder.file("state"),
        spy.sink()
    );
    fs::write(&config, text).unwrap();
    config
}

/// The number before some words.
fn number_before(line: &str, words: &str) -> u64 {
    let before = line.split_once(words).unwrap_or_else(|| panic!("no '{words}' in: {line}")).0;
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn f74_the_loss_that_is_told_after_a_kill_is_what_the_sender_knows() {
    let kills = std::env::var("GSTATSD_KILLS").map_or(50, |kills| kills.parse().unwrap());
    let (folder, spy) = (Folder::new(), SpyGraphite::start());
    let config = config(&folder, &spy);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let packet = b"a:1|c\n".repeat(usize::try_from(SAMPLES).unwrap());
    let (mut sent, mut taken, mut flushed, mut uncertain) = (0, 0, 0, 0);
    let (mut delivered, mut perhaps, mut held, mut handed_on) = (0, 0, 0, 0);
    for kill in 0..=kills {
        let mut daemon = start(&socket, &config);
        if kill > 0 {
            let line = daemon.wait_for_log("was killed: of ");
            let of_one = number_before(&line, " samples that it had taken");
            let flushed_of_one = number_before(&line, ", so ");
            let lost = number_before(&line, " are lost");
            assert_eq!(of_one, flushed_of_one + lost, "{line}");
            (taken, flushed) = (taken + of_one, flushed + flushed_of_one);
            uncertain += u64::from(line.contains("up to one receive batch more"));
            // Those of a flush that was being handed on may be with the sinks already.
            let on_way = " of them were on their way";
            let handed = if line.contains(on_way) { number_before(&line, on_way) } else { 0 };
            let down = Told::of(&daemon, "down");
            assert_eq!(down.emitted, down.lost, "{down:?}: {line}");
            assert!(
                down.samples == flushed_of_one || down.samples == flushed_of_one + handed,
                "{down:?}: {line}"
            );
            let good = Told::of(&daemon, "good");
            assert!(good.sending <= good.lost && good.lost <= good.emitted, "{good:?}");
            delivered += good.emitted - good.lost;
            perhaps += good.sending;
            held += good.samples;
            handed_on += handed;
        }
        for _ in 0..fastrand::u64(1..60) {
            // No more than the socket holds, even if nobody reads it any more.
            let burst = fastrand::u64(1..4);
            for _ in 0..burst {
                sender.send_to(&packet, to).unwrap();
            }
            sent += burst * SAMPLES;
            thread::sleep(Duration::from_micros(fastrand::u64(0..2_000)));
        }
        if kill < kills {
            daemon.signal("KILL");
            daemon.wait();
            continue;
        }
        // So that nothing is in the interval that is open, which is kept.
        thread::sleep(Duration::from_millis(300));
        let (_, log) = daemon.stop();
        let books = accounting(&log);
        assert_books_close(&books);
        assert_eq!(books["datagrams.dropped.kernel"], 0, "the test sends too fast");
        taken += u64::try_from(books["samples.received"]).unwrap();
        flushed += u64::try_from(books["samples.received"]).unwrap();
        delivered += u64::try_from(books["good:points.delivered"]).unwrap();
    }
    let missing = sent - taken;
    println!("{kills} kills, {sent} samples: {} told as lost, {missing} cut off", taken - flushed);
    assert!(missing <= uncertain * BATCH_MAX, "{missing} of {sent}, {uncertain} within a batch");
    // Exactly what was not lost arrived, but for what was being sent.
    let points = u64::try_from(spy.lines().len()).unwrap();
    assert!(
        (delivered..=delivered + perhaps).contains(&points),
        "{points}: {delivered}, {perhaps}"
    );
    let arrived = sum(&spy.lines(), "stats_counts.a");
    #[expect(clippy::cast_precision_loss, reason = "few samples")]
    let [least, most] =
        [flushed - held.min(flushed), flushed + handed_on].map(|samples| samples as f64);
    let as_told = arrived > 0.0 && (least..=most).contains(&arrived);
    assert!(as_told, "{arrived} arrived of {least} to {most}");
}

/// What a daemon says that the one before lost of a sink.
#[derive(Debug, Default)]
struct Told {
    emitted: u64,
    lost: u64,
    sending: u64,
    samples: u64,
}

impl Told {
    fn of(daemon: &Daemon, sink: &str) -> Self {
        let start = format!("sink {sink}: of ");
        let Some(line) = daemon.seen.iter().find(|line| line.contains(&start)) else {
            return Self::default();
        };
        Self {
            emitted: number_before(line, " points that the process before had"),
            lost: number_before(line, " are lost"),
            sending: number_before(line, " of them were being sent"),
            samples: number_before(line, " samples;"),
        }
    }
}
