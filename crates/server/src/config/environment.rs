//! What a configuration takes from the process and the machine it is read on.

use std::{env, num::NonZeroUsize, path::PathBuf, thread};

use super::{Errors, machine::MachineMemory};
use crate::sys::passed_names;

/// What a configuration takes from the process and the machine it is read on.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// The value of a variable, if it is set.
    pub(crate) variable: fn(&str) -> Option<String>,
    /// How many threads can run at once.
    pub(crate) parallelism: NonZeroUsize,
    /// How much memory there is.
    pub(crate) memory: MachineMemory,
    /// The directory that relative paths start from.
    pub(crate) directory: PathBuf,
    /// The names of the sockets that systemd has opened for this process.
    pub(crate) passed: Vec<String>,
}

impl Environment {
    /// The environment of this process.
    ///
    /// # Errors
    /// The working directory is gone.
    pub(crate) fn of_process() -> Result<Self, Errors> {
        let directory = env::current_dir()
            .map_err(|error| Errors::from(format!("the working directory: {error}")))?;
        let parallelism = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let passed = passed_names().map(str::to_owned).collect();
        let memory = MachineMemory::of_process();
        Ok(Self { variable, parallelism, memory, directory, passed })
    }
}

/// The value of a variable. `HOSTNAME` is what the system says unless it is set: shells have it,
/// but seldom hand it on.
fn variable(name: &str) -> Option<String> {
    let value = env::var(name).ok();
    if name == "HOSTNAME" && value.as_deref().is_none_or(str::is_empty) {
        return nix::unistd::gethostname().ok()?.into_string().ok();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn the_host_name_is_known_and_an_unset_variable_is_not() {
        let environment = Environment::of_process().unwrap();
        assert!((environment.variable)("HOSTNAME").is_some_and(|name| !name.is_empty()));
        assert_eq!((environment.variable)("GSTATSD_NEVER_SET"), None);
    }
}
