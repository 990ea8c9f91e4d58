//! How the name of a peer is resolved: as everywhere else here, where ureq asks for it.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

use crate::Host;

/// How many addresses ureq has room for.
const ADDRESSES_MAX: usize = 16;

/// Resolves the one host that a client posts to.
#[derive(Debug)]
pub(super) struct OneHost(pub(super) Mutex<Host>);

impl Resolver for OneHost {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let mut host = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The other half is for a request to where the host was.
        let found = host.addresses(*timeout.after / 2).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => Error::Timeout(Timeout::Resolve),
            _ => Error::HostNotFound,
        })?;
        let mut addresses = self.empty();
        found.into_iter().take(ADDRESSES_MAX).for_each(|address| addresses.push(address));
        Ok(addresses)
    }
}
