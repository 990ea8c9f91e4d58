//! F87: sockets that systemd keeps while there is no daemon. A test stands in for systemd: it gets
//! them with `FDSTORE`, and starts the next daemon with them.
#![expect(unsafe_code, reason = "to own descriptors that were sent")]

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use crate::passed::with_sockets;
use crate::support::{
    Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, binary, sum,
};

/// What systemd was told, and what came with it.
fn told(socket: &UnixDatagram) -> (String, Vec<OwnedFd>) {
    let mut text = [0; 1024];
    let mut room = cmsg_space!([RawFd; 64]);
    let mut slices = [IoSliceMut::new(&mut text)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let got = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut room), flags).unwrap();
    let mut kept = Vec::new();
    for control in got.cmsgs().unwrap() {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the kernel has just made them for us, and nobody else knows of them.
            kept.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
        }
    }
    let bytes = got.bytes;
    (String::from_utf8(text[..bytes].to_vec()).unwrap(), kept)
}

/// What is kept by the time that the daemon is ready.
fn kept(socket: &UnixDatagram) -> Vec<OwnedFd> {
    let mut all = Vec::new();
    loop {
        match told(socket) {
            (text, _) if text == "READY=1" => return all,
            (text, _) if text == "FDSTOREREMOVE=1\nFDNAME=gstatsd-kept" => all.clear(),
            (text, kept) if text == "FDSTORE=1\nFDPOLL=0\nFDNAME=gstatsd-kept" => all.extend(kept),
            (text, _) => panic!("systemd was told: {text}"),
        }
    }
}

#[test]
fn f87_sockets_outlive_a_crash_and_what_they_cannot_hold_is_counted() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let systemd = UnixDatagram::bind(folder.file("notify")).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let (config, path) = (folder.file("gstatsd.toml"), folder.file("socket"));
    let text = format!(
        "flush_interval = 0.1\nworkers = 1\nreceive_buffer_bytes = 65536\n\
         [[listen]]\naddress = \"udp://127.0.0.1:0\"\n\
         [[listen]]\naddress = \"unixgram://{path}\"\n[[sink]]\nurl = \"graphite://{}\"\n",
        spy.sink()
    );
    std::fs::write(&config, text).unwrap();
    let notify = |command: &mut Command| {
        command.env("NOTIFY_SOCKET", folder.file("notify"));
        Daemon::start_with_input(command.stdin(std::process::Stdio::null()))
    };
    let mut daemon = notify(Command::new(binary()).args(["-c", &config]));
    let address = daemon.address();
    daemon.send(&["a:1|c"]);
    spy.wait_for("stats_counts.a");
    let mut sockets = kept(&systemd);
    let name = |socket: &OwnedFd| {
        let socket = socket2::Socket::from(socket.try_clone().unwrap());
        format!("{:?}", socket.local_addr().unwrap())
    };
    let names: Vec<_> = sockets.iter().map(name).collect();
    assert_eq!(sockets.len(), 2, "not the socket of UDP and that of unix: {names:?}");
    daemon.signal("KILL");
    daemon.wait();

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix = UnixDatagram::unbound().unwrap();
    unix.send_to(b"b:1|c", &path).unwrap();
    for _ in 0..2_000 {
        udp.send_to(b"a:1|c", address).unwrap();
    }
    let names = "gstatsd-kept:gstatsd-kept";
    let (one, two) = (sockets.remove(0), sockets.remove(0));
    let mut command = with_sockets(one, two, names, &["-c", &config]);
    command.env("NOTIFY_SOCKET", folder.file("notify"));
    let daemon = Daemon::start_with_input(&mut command);
    assert_eq!(daemon.address(), address);
    unix.send_to(b"b:1|c", &path).unwrap();
    udp.send_to(b"a:1|c", address).unwrap();
    assert_eq!(kept(&systemd).len(), 2, "they are kept for the next one too");
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    let dropped = books["datagrams.dropped.kernel"];
    assert!(dropped > 0, "the test sends too little");
    assert_eq!(books["datagrams.received"] + dropped, 2_003);
    spy.all_lines(&log);
    assert_eq!(sum(&spy.lines(), "stats_counts.b"), 2.0);
    assert!(!std::path::Path::new(&path).exists());
}
