// SPDX-License-Identifier: Apache-2.0
//! One request and the primary's answer to it, shared by the stream and the copies.
//!
//! The primary may answer before the copy is sent, after the copy's answer, or never. Its answer counts for a
//! mirror from the moment that both are known: that the copy was sent, and how the primary answered.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::metrics::{Class, Side};
use crate::policy::Mirror;

/// Monotonic time since a point that does not matter.
pub type Moment = Duration;

#[derive(Debug, Default)]
pub struct Exchange {
    request_end: Cell<Moment>,
    primary: RefCell<Primary>,
}

#[derive(Debug)]
enum Primary {
    /// Not answered whole. `status` once its headers were seen; the mirrors that wait for it.
    Open {
        status: Option<u16>,
        sent_to: Vec<Rc<Mirror>>,
    },
    Answered {
        class: Class,
        at: Moment,
    },
    /// Gone without an answer.
    Lost,
}

impl Default for Primary {
    fn default() -> Self {
        Self::Open { status: None, sent_to: Vec::new() }
    }
}

impl Exchange {
    pub fn request_ended(&self, now: Moment) {
        self.request_end.set(now);
    }

    pub fn request_end(&self) -> Moment {
        self.request_end.get()
    }

    /// Time from the end of the request; none for an answer that came before it.
    pub fn elapsed(&self, now: Moment) -> Duration {
        now.saturating_sub(self.request_end.get())
    }

    /// The primary's answer began.
    pub fn primary_status(&self, code: u16) {
        if let Primary::Open { status, .. } = &mut *self.primary.borrow_mut() {
            *status = Some(code);
        }
    }

    /// Whether the end of the primary's answer is still of interest.
    pub fn is_open(&self) -> bool {
        matches!(&*self.primary.borrow(), Primary::Open { .. })
    }

    /// The primary's answer ended, or its stream did.
    pub fn primary_ended(&self, now: Moment, ledger: &mut Ledger) {
        let mut primary = self.primary.borrow_mut();
        let Primary::Open { status, sent_to } = &mut *primary else { return };
        let sent_to = std::mem::take(sent_to);
        *primary = match *status {
            Some(status) => Primary::Answered { class: Class::of(status), at: now },
            None => Primary::Lost,
        };
        if let Primary::Answered { class, at } = *primary {
            let after = self.elapsed(at);
            sent_to.iter().for_each(|mirror| mirror.count_answer(Side::Primary, class, after, ledger));
        }
    }

    /// A copy was sent: the primary's answer counts for this mirror.
    pub fn copy_sent(&self, mirror: &Rc<Mirror>, ledger: &mut Ledger) {
        match &mut *self.primary.borrow_mut() {
            Primary::Open { sent_to, .. } => sent_to.push(mirror.clone()),
            Primary::Answered { class, at } => {
                mirror.count_answer(Side::Primary, *class, self.elapsed(*at), ledger);
            }
            Primary::Lost => {}
        }
    }
}

impl Mirror {
    /// Counts one answer to a request whose copy was sent.
    pub fn count_answer(&self, side: Side, class: Class, after: Duration, ledger: &mut Ledger) {
        ledger.add(self.meters.responses(side, class), 1);
        ledger.observe(self.meters.duration(side), u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    }
}
