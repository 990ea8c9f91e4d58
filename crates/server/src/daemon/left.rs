//! Spools of sinks that are in the configuration no more.

use std::{fs, io};

use gstatsd_store::inspect;

use crate::config::Config;

/// Says in the log what waits for sinks that are not configured: it stays, for whoever configures
/// them again or takes it out.
pub(super) fn warn(config: &Config) {
    let Some(root) = config.spool_directory() else { return };
    let Ok(entries) = fs::read_dir(root) else { return };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    for name in names.filter(|name| config.sinks.iter().all(|sink| sink.name != *name)) {
        let mut visit = |_| io::Result::Ok(());
        let Ok(found) = inspect(&root.join(&name), &name, &mut visit) else { continue };
        if found.records > 0 {
            let points = found.points;
            log::warn!(
                "{points} points wait in the spool of {name}, which is no sink of the \
                 configuration: they stay; to have them: gstatsd spool export {name}"
            );
        }
    }
}
