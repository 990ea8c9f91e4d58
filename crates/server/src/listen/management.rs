//! The sockets where commands are taken.

use std::path::Path;

use anyhow::{Context as _, bail};
use socket2::{Socket, Type};

use super::{BACKLOG, SocketFile, bind_connections, unix};
use crate::config::{Address, Endpoint, Management};

/// The sockets where commands are taken.
#[derive(Debug, Default)]
pub(crate) struct ManagementSockets {
    /// Where connections come in; never waited for.
    pub(crate) sockets: Vec<Socket>,
    /// What is listened on, as URLs, with the port that the kernel chose where 0 was asked for.
    pub(crate) urls: Vec<String>,
    /// The file of a unix socket, to be removed at the end.
    pub(crate) files: Vec<SocketFile>,
}

/// Binds what is configured; nothing where commands are not taken.
///
/// # Errors
/// An address cannot be resolved or bound.
pub(crate) fn bind_management(management: &Management) -> anyhow::Result<ManagementSockets> {
    let mut bound = ManagementSockets::default();
    let Some(endpoint) = &management.endpoint else { return Ok(bound) };
    let result = match endpoint {
        Endpoint::Tcp(address) => bound.bind_tcp(address),
        Endpoint::Unix(path) => bound.bind_unix(path, management.mode),
        _ => bail!("management.address: {endpoint} has no connections"),
    };
    result.with_context(|| format!("cannot take commands on {endpoint}"))?;
    Ok(bound)
}

impl ManagementSockets {
    fn bind_tcp(&mut self, address: &Address) -> anyhow::Result<()> {
        for (socket, bound) in bind_connections(address)? {
            self.urls.push(format!("tcp://{bound}"));
            self.sockets.push(socket);
        }
        Ok(())
    }

    fn bind_unix(&mut self, path: &Path, mode: u32) -> anyhow::Result<()> {
        let (socket, file) = unix::bind(path, Type::STREAM, mode)?;
        self.files.push(file);
        self.listen(socket, format!("unix://{}", path.display()))
    }

    fn listen(&mut self, socket: Socket, url: String) -> anyhow::Result<()> {
        socket.set_nonblocking(true)?;
        socket.listen(BACKLOG)?;
        self.urls.push(url);
        self.sockets.push(socket);
        Ok(())
    }
}
