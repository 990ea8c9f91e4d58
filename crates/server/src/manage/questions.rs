//! Asks the flush, after the workers have pushed what they have: one question at a time.

use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock;
use crate::flush::{Answer, Ask, Inbox, Message, Request};
use crate::work::{Control, ControlInbox};

/// The least time between two questions: each costs every worker something.
const PAUSE: Duration = Duration::from_millis(50);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom to ask.
pub(super) struct Questions {
    flush: Inbox,
    workers: Vec<ControlInbox>,
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    /// Of the last question.
    number: u64,
    /// When it was answered.
    answered: Option<Instant>,
}

impl Questions {
    pub(super) fn new(flush: Inbox, workers: Vec<ControlInbox>) -> Self {
        Self { flush, workers, turn: Mutex::default() }
    }

    /// Asks, and waits for the answer. Nothing when there is none: the daemon ends, or is stuck.
    pub(super) fn ask(&self, ask: Ask) -> Option<Answer> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answered) = turn.answered {
            thread::sleep((answered + PAUSE).saturating_duration_since(clock::now()));
        }
        turn.number += 1;
        let (reply, answer) = channel();
        let number = turn.number;
        // First, so that the flush knows the request when the parts come.
        self.flush.tell(Message::Asked(Request { number, ask, reply }));
        self.workers.iter().for_each(|worker| worker.tell(Control::PushEarly(number)));
        let answer = answer.recv_timeout(PATIENCE).ok();
        turn.answered = Some(clock::now());
        answer
    }
}
