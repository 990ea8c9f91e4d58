//! Sockets that systemd has opened, so that they are there before us and after us.

use anyhow::bail;
use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};
use socket2::{SockAddr, Socket, Type};

use super::{Sockets, terms};
use crate::accept::Listening;
use crate::config::{Config, Listener, Sources, Transport};
use crate::sys::{passed_names, passed_sockets};
use crate::work::DatagramSocket;

impl Sockets {
    /// Takes the sockets of a name. One for datagrams is one worker's, as between two that read
    /// it the order within a sender would be lost; of several each worker gets some.
    ///
    /// # Errors
    /// There is none, or it is of no use.
    pub(super) fn take_passed(
        &mut self,
        config: &Config,
        listener: &Listener,
        name: &str,
    ) -> anyhow::Result<()> {
        let passed = passed_sockets(name)?;
        if passed.is_empty() {
            let names: Vec<&str> = passed_names().collect();
            match names.as_slice() {
                [] => bail!("systemd has opened no socket for this process"),
                names => bail!("systemd has opened no socket of this name, but {names:?}"),
            }
        }
        for (index, socket) in passed.into_iter().map(Socket::from).enumerate() {
            socket.set_nonblocking(true)?;
            if socket.r#type()? == Type::DGRAM {
                self.take_datagrams(config, listener, socket, index)?;
            } else if socket.is_listener()? {
                self.take_connections(listener, socket)?;
            } else {
                bail!("a socket of this name is neither for datagrams nor for connections");
            }
        }
        Ok(())
    }

    fn take_datagrams(
        &mut self,
        config: &Config,
        listener: &Listener,
        socket: Socket,
        index: usize,
    ) -> anyhow::Result<()> {
        let address = socket.local_addr()?;
        let (url, sources) = match address.as_socket() {
            Some(bound) => {
                self.addresses.push((Transport::Udp, bound));
                // Kernels before 5.0 do not know it.
                setsockopt(&socket, UdpGroSegment, &true).ok();
                // What was asked for of systemd is not made less.
                if socket.recv_buffer_size()? / 2 < config.receive_buffer_bytes {
                    self.ask_for_buffer(&socket, config.receive_buffer_bytes)?;
                }
                (format!("udp://{bound}"), listener.sources.clone())
            }
            None => (format!("unixgram://{}", path(&address)), Sources::default()),
        };
        self.urls.push(url);
        let (is_unix, workers) = (address.is_unix(), self.of_workers.len());
        let socket = DatagramSocket::new(socket, sources, is_unix);
        self.of_workers[index % workers].push(socket);
        Ok(())
    }

    fn take_connections(&mut self, listener: &Listener, socket: Socket) -> anyhow::Result<()> {
        let address = socket.local_addr()?;
        let url = match address.as_socket() {
            Some(bound) => {
                self.addresses.push((Transport::Tcp, bound));
                format!("tcp://{bound}")
            }
            None => format!("unix://{}", path(&address)),
        };
        self.urls.push(url);
        self.listening.push(Listening { socket, terms: terms(listener)? });
        Ok(())
    }
}

/// The path of a unix socket.
fn path(address: &SockAddr) -> String {
    address.as_pathname().map(|path| path.display().to_string()).unwrap_or_default()
}
