//! What became of the points of a sink.

/// What became of the points of one sink, in points, since the start.
///
/// `emitted + restored = delivered + in_flight + queued + spooled + coalesced + dropped`, at any
/// time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Handed to the sink's queue.
    pub(crate) emitted: u64,
    /// Found in the spool at the start.
    pub(crate) restored: u64,
    /// Taken by the peer.
    pub(crate) delivered: u64,
    /// Being sent, perhaps not for the first time.
    pub(crate) in_flight: u64,
    /// Waiting.
    pub(crate) queued: u64,
    /// On the disk.
    pub(crate) spooled: u64,
    /// Merged into others of the same series, as the queue was nearly full.
    pub(crate) coalesced: u64,
    /// Dropped because the queue was full.
    pub(crate) dropped_queue_full: u64,
    /// Dropped because the spool was full.
    pub(crate) dropped_spool_full: u64,
    /// Dropped because the spool is damaged, or somebody removed it.
    pub(crate) dropped_spool_corrupt: u64,
    /// Dropped because they were in the spool for too long.
    pub(crate) dropped_too_old: u64,
    /// Dropped because the peer refused them for good.
    pub(crate) dropped_rejected_by_sink: u64,
    /// Dropped because the protocol has no form for them.
    pub(crate) dropped_unencodable: u64,
    /// Dropped because the time to shut down was over.
    pub(crate) dropped_shutdown: u64,
    /// Dropped because the sink is in the configuration no more, and its time was over.
    pub(crate) dropped_config_removed: u64,
    /// The room that the spool takes on the disk, in bytes; no points.
    pub(crate) spool_bytes: u64,
    /// Whether the file system of the spool has no room for more, as 0 or 1; no points.
    pub(crate) spool_no_room: u64,
    /// How often something went wrong with the spool.
    pub(crate) spool_failures: u64,
    /// Sent again over another connection, as the peer may have lost them; none of the others are
    /// of them.
    pub(crate) replayed: u64,
    /// Points that the processes before held in memory when they were killed; none of the others
    /// are of them.
    pub(crate) lost_crash: u64,
    /// The snapshots that these were of; no points.
    pub(crate) lost_snapshots: u64,
    /// Events and service checks that went with the snapshots; no points.
    pub(crate) notices_emitted: u64,
    /// Those that did not, because the sink carries none.
    pub(crate) notices_unsupported: u64,
}

impl Books {
    /// How far the identity is from closing: 0 when every point is accounted for.
    pub(crate) fn residual(&self) -> i128 {
        let accounted = self.delivered
            + self.in_flight
            + self.queued
            + self.spooled
            + self.coalesced
            + self.dropped_queue_full
            + self.dropped_spool_full
            + self.dropped_spool_corrupt
            + self.dropped_too_old
            + self.dropped_rejected_by_sink
            + self.dropped_unencodable
            + self.dropped_shutdown
            + self.dropped_config_removed;
        i128::from(self.emitted) + i128::from(self.restored) - i128::from(accounted)
    }

    /// Adds what another has counted.
    pub(super) fn add(&mut self, other: &Self) {
        // Destructured, so that a new field cannot be forgotten here.
        let Self {
            emitted,
            restored,
            delivered,
            in_flight,
            queued,
            spooled,
            coalesced,
            dropped_queue_full,
            dropped_spool_full,
            dropped_spool_corrupt,
            dropped_too_old,
            dropped_rejected_by_sink,
            dropped_unencodable,
            dropped_shutdown,
            dropped_config_removed,
            spool_bytes,
            spool_no_room,
            spool_failures,
            replayed,
            lost_crash,
            lost_snapshots,
            notices_emitted,
            notices_unsupported,
        } = other;
        self.emitted += emitted;
        self.restored += restored;
        self.delivered += delivered;
        self.in_flight += in_flight;
        self.queued += queued;
        self.spooled += spooled;
        self.coalesced += coalesced;
        self.dropped_queue_full += dropped_queue_full;
        self.dropped_spool_full += dropped_spool_full;
        self.dropped_spool_corrupt += dropped_spool_corrupt;
        self.dropped_too_old += dropped_too_old;
        self.dropped_rejected_by_sink += dropped_rejected_by_sink;
        self.dropped_unencodable += dropped_unencodable;
        self.dropped_shutdown += dropped_shutdown;
        self.dropped_config_removed += dropped_config_removed;
        self.spool_bytes += spool_bytes;
        self.spool_no_room |= spool_no_room;
        self.spool_failures += spool_failures;
        self.replayed += replayed;
        self.lost_crash += lost_crash;
        self.lost_snapshots += lost_snapshots;
        self.notices_emitted += notices_emitted;
        self.notices_unsupported += notices_unsupported;
    }

    /// Every count with its name; reasons that never happened are left out.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, &str, u64)) {
        emit("points.emitted", "", self.emitted);
        emit("points.delivered", "", self.delivered);
        emit("points.in_flight", "", self.in_flight);
        emit("points.queued", "", self.queued);
        for (name, count) in [
            ("points.restored", self.restored),
            ("points.spooled", self.spooled),
            ("points.coalesced", self.coalesced),
            ("points.replayed", self.replayed),
            ("points.lost.crash", self.lost_crash),
            ("snapshots.lost.crash", self.lost_snapshots),
            ("spool.bytes", self.spool_bytes),
            ("spool.no_room", self.spool_no_room),
            ("spool.failures", self.spool_failures),
        ] {
            if count > 0 {
                emit(name, "", count);
            }
        }
        for (reason, count) in [
            ("queue_full", self.dropped_queue_full),
            ("spool_full", self.dropped_spool_full),
            ("spool_corrupt", self.dropped_spool_corrupt),
            ("too_old", self.dropped_too_old),
            ("rejected_by_sink", self.dropped_rejected_by_sink),
            ("unencodable", self.dropped_unencodable),
            ("shutdown", self.dropped_shutdown),
            ("config_removed", self.dropped_config_removed),
        ] {
            if count > 0 {
                emit("points.dropped.", reason, count);
            }
        }
        if self.notices_emitted > 0 {
            emit("notices.emitted", "", self.notices_emitted);
        }
        if self.notices_unsupported > 0 {
            emit("notices.dropped.", "unsupported", self.notices_unsupported);
        }
    }
}
