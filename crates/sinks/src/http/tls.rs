//! TLS below the client of HTTP, with the settings that all sinks have.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustls::{ClientConnection, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use crate::Tls;
use crate::tls::explain;

/// Puts TLS onto each connection of `https`, where there are settings for it.
#[derive(Debug)]
pub(super) struct TlsConnector(pub(super) Option<Mutex<Tls>>);

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(below) = chained else { return Ok(None) };
        let Some(tls) = self.0.as_ref().filter(|_| details.needs_tls()) else {
            return Ok(Some(Either::A(below)));
        };
        let begun = {
            let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
            tls.refresh();
            tls.begin()
        };
        let mut session = begun.map_err(|error| refused(&error))?;
        let mut socket = TransportAdapter::new(below.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        session.complete_io(&mut socket).map_err(|error| {
            let of_tls = error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>());
            of_tls.map(refused).unwrap_or(Error::Io(error))
        })?;
        let (input, output) =
            (details.config.input_buffer_size(), details.config.output_buffer_size());
        let buffers = LazyBuffers::new(input, output);
        let stream = StreamOwned::new(session, socket);
        Ok(Some(Either::B(TlsTransport { buffers, stream })))
    }
}

fn refused(error: &rustls::Error) -> Error {
    Error::Other(explain(error).into())
}

/// A connection with TLS.
pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        io::Write::write_all(&mut self.stream, output)?;
        io::Write::flush(&mut self.stream)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = io::Read::read(&mut self.stream, input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}
