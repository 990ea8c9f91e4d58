//! Closes the process in, once its sockets are open and before the first byte is read: what a hole
//! in it could be used for.
//!
//! ```text
//! user         another user, without its groups
//! privileges   no capabilities, none to be gained, no memory for others to read
//! Landlock     reads what it needs, writes where it must, uses the TCP ports that are configured
//! seccomp      makes the calls of the system that it needs: none that starts a program
//! ```
//!
//! Threads that start later are closed in alike.

mod calls;
mod files;

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, chown};

use anyhow::{Context as _, anyhow, bail};
use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};

pub(crate) use self::files::Reach;
use crate::config::{Config, LogTarget, Sandbox};
use crate::hooks;
use crate::sys::drop_privileges;

/// Makes the folders that are configured and missing, for the user that is configured: who is
/// closed in, or another user, cannot. What fails is told by who needs them.
pub(crate) fn make_folders(config: &Config) {
    let folders = config.state_directory.as_ref().into_iter().chain(config.spool_directory());
    let user = config.user.as_deref().and_then(|name| User::from_name(name).ok()?);
    for folder in folders {
        let missing: Vec<_> = folder.ancestors().take_while(|path| !path.exists()).collect();
        for path in missing.into_iter().rev() {
            if DirBuilder::new().mode(0o700).create(path).is_err() {
                break;
            }
            if let Some(User { uid, gid, .. }) = user {
                chown(path, Some(uid.as_raw()), Some(gid.as_raw())).ok();
            }
        }
    }
}

/// Becomes the user that is configured, who can open the log again. Where none is, nothing changes.
///
/// # Errors
/// There is no such user, or we may not become it.
pub(crate) fn become_user(config: &Config) -> anyhow::Result<()> {
    let Some(name) = &config.user else { return Ok(()) };
    become_named(name, config).with_context(|| format!("user: cannot become {name}"))
}

/// How many of the layers are there as a whole: privileges, Landlock and seccomp are 3. What is
/// needed all the same is in `reach`.
///
/// # Errors
/// With `sandbox = "require"`, that one of them is not to be had, or not as a whole.
pub(crate) fn close_in(config: &Config, reach: &Reach) -> anyhow::Result<u64> {
    let is_required = match config.sandbox {
        Sandbox::Off => return Ok(0),
        Sandbox::Auto => false,
        Sandbox::Require => true,
    };
    let layers = [
        ("privileges", drop_privileges().map_err(anyhow::Error::from)),
        ("Landlock", reach.restrict()),
        ("seccomp", calls::restrict(hooks::denied_calls_kill())),
    ];
    let mut level = 0;
    for (layer, result) in layers {
        match result {
            Ok(()) => level += 1,
            Err(error) if is_required => {
                bail!("sandbox: {layer} is required, and falls short: {error:#}");
            }
            Err(error) => log::warn!("sandbox: {layer} falls short: {error:#}"),
        }
    }
    log::info!("sandbox: {level} of 3 layers");
    Ok(level)
}

fn become_named(name: &str, config: &Config) -> anyhow::Result<()> {
    let user = User::from_name(name)?.ok_or_else(|| anyhow!("there is no such user"))?;
    let User { uid, gid, .. } = user;
    if (Uid::effective(), Gid::effective()) == (uid, gid) {
        return Ok(());
    }
    if let LogTarget::File(path) = &config.log.target {
        chown(path, Some(uid.as_raw()), Some(gid.as_raw()))?;
    }
    setgroups(&[gid])?;
    setgid(gid)?;
    setuid(uid)?;
    // Nobody can go back from there.
    if setuid(Uid::from_raw(0)).is_ok() && !uid.is_root() {
        bail!("root can be had again");
    }
    Ok(())
}
