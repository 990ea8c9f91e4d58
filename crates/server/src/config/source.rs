//! Where a configuration comes from, so that it can be read again while the service runs.

use std::path::PathBuf;

use super::{Config, Environment, Errors, File};
use crate::cli::Flags;

/// Flags, the file that they name, and the environment in which they were typed.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    flags: Flags,
    environment: Environment,
}

impl Source {
    /// What these flags name, in the environment of this process.
    ///
    /// # Errors
    /// The working directory is gone.
    pub(crate) fn new(flags: &Flags) -> Result<Self, Errors> {
        Ok(Self { flags: flags.clone(), environment: Environment::of_process()? })
    }

    /// The configuration file, where there is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        // A daemon leaves the directory that it was started in.
        self.flags.config.as_deref().map(|path| self.environment.directory.join(path))
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn load(&self) -> Result<Config, Errors> {
        let file = match (&self.flags.config, self.file()) {
            (Some(shown), Some(path)) => File::read(&path, &shown.display().to_string())?,
            _ => File::default(),
        };
        Config::new(&file, &self.flags, &self.environment)
    }

    /// Reads the configuration again, from a file that somebody may be writing.
    ///
    /// # Errors
    /// All that is wrong with it. A file that is empty, or that changes while it is read, is
    /// taken for one that is being written.
    pub(crate) fn load_again(&self) -> Result<Config, Errors> {
        let Some(path) = self.file() else { return self.load() };
        let wrong = |why: &str| Errors::from(format!("{}: {why}", path.display()));
        let state = || path.metadata().map_err(|error| wrong(&error.to_string()));
        let before = state()?;
        // To open a pipe would be to wait for its other end.
        if !before.is_file() {
            return Err(wrong("is not a regular file, which could be read again"));
        }
        if before.len() == 0 {
            return Err(wrong("is empty, as if it was being written; a comment would be enough"));
        }
        let config = self.load();
        let after = state()?;
        if (before.len(), before.modified().ok()) != (after.len(), after.modified().ok()) {
            return Err(wrong("changed while it was read"));
        }
        config
    }
}
