//! SIGHUP: reads the configuration again. What is wrong with it leaves the old one in use.

use crate::config::{Changes, Config, Errors, Source};
use crate::logging::Logger;
use crate::sandbox::Reach;

use super::service::Service;
use super::{announce_listener, announce_sink, open_log};

/// Reads a configuration again and again.
pub(super) struct Reload<'s> {
    source: &'s Source,
    /// All that the process can reach, where it is closed in.
    reach: Option<&'s Reach>,
    /// What was wrong the last time; told once, however many signals there are.
    failure: String,
}

impl<'s> Reload<'s> {
    /// Reads what this source names. `reach` is all that the process can reach, where it is closed
    /// in.
    pub(super) fn new(source: &'s Source, reach: Option<&'s Reach>) -> Self {
        Self { source, reach, failure: String::new() }
    }

    /// Reads the configuration and puts it to use as `config`, or leaves everything as it is.
    pub(super) fn run(&mut self, config: &mut Config, service: &mut Service, logger: &Logger) {
        let Some(file) = self.source.file() else { return };
        match self.attempt(config, service, logger) {
            Ok(Changes { applied, postponed, .. }) => {
                self.failure.clear();
                if !applied.is_empty() {
                    log::info!("reload of {}: applied: {}", file.display(), applied.join(", "));
                }
                if !postponed.is_empty() {
                    let postponed = postponed.join(", ");
                    log::warn!("reload of {}: after a restart: {postponed}", file.display());
                }
                if applied.is_empty() && postponed.is_empty() {
                    log::debug!("reload of {}: nothing has changed", file.display());
                }
            }
            Err(error) => {
                service.reload_failed();
                let failure = match error.downcast_ref::<Errors>() {
                    Some(errors) => errors.to_string(),
                    None => format!("{error:#}"),
                };
                if failure != self.failure {
                    for line in failure.lines() {
                        log::error!("the old configuration stays: {line}");
                    }
                }
                self.failure = failure;
            }
        }
    }

    fn attempt(
        &self,
        config: &mut Config,
        service: &mut Service,
        logger: &Logger,
    ) -> anyhow::Result<Changes> {
        let changes = Changes::between(config, self.source.load_again()?);
        let next = &changes.config;
        // Whatever can fail comes before anything changes.
        let log = (next.log != config.log).then(|| open_log(next)).transpose()?;
        let out_of_reach = self.out_of_reach(next);
        let plan = service.prepare(config, next).map_err(|error| match &out_of_reach {
            Some(text) => error.context(text.clone()),
            None => error,
        })?;
        if let Some(log) = log {
            logger.become_as(log);
        }
        for (_, sockets) in &plan.opened {
            announce_listener(sockets, next);
        }
        service.reload(config, next, plan);
        for sink in next.sinks.iter().filter(|sink| !config.sinks.contains(sink)) {
            announce_sink(sink);
        }
        if let Some(text) = out_of_reach {
            log::warn!("{text}");
        }
        config.clone_from(next);
        Ok(changes)
    }

    /// What a configuration needs and a process that is closed in cannot get any more.
    fn out_of_reach(&self, next: &Config) -> Option<String> {
        let beyond = Reach::of(next, self.source.file().as_deref()).beyond(self.reach?);
        (!beyond.is_empty()).then(|| {
            let beyond = beyond.join(", ");
            format!("sandbox: until SIGUSR2 or a restart this process is not allowed {beyond}")
        })
    }
}
