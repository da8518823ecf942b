// SPDX-License-Identifier: Apache-2.0
//! A configuration as one worker runs on it.

use std::rc::Rc;

use super::running::Mirror;
use super::set::MirrorSet;
use crate::compare::Need;
use crate::config::{Config, SendAt};
use crate::select::Dice;
use crate::telemetry::{Ledger, News, Notice, Throttle};
use crate::time::Moment;

#[derive(Debug)]
pub struct Policy {
    pub mirrors: Vec<Rc<Mirror>>,
    pub loop_guard: bool,
    pub annotate: bool,
    /// Whether a mirror must know the time of day.
    pub is_scheduled: bool,
    /// The mirrors whose copies leave when the primary's exchange is over.
    pub at_primary_end: MirrorSet,
}

impl Policy {
    pub fn new(config: Config, dice: &mut Dice, ledger: &mut Ledger) -> Self {
        let is_scheduled = config.mirrors.iter().any(|mirror| mirror.select.schedule.is_set());
        let mirrors = config.mirrors.into_iter();
        let mirrors = mirrors.map(|mirror| Rc::new(Mirror::new(mirror, dice, ledger)));
        let mirrors: Vec<_> = mirrors.collect();
        let mut at_primary_end = MirrorSet::default();
        let waiting = mirrors.iter().enumerate().filter(|(_, mirror)| mirror.send == SendAt::PrimaryEnd);
        waiting.for_each(|(index, _)| at_primary_end.insert(index));
        let Config { loop_guard, annotate, .. } = config;
        Self { mirrors, loop_guard, annotate, is_scheduled, at_primary_end }
    }

    /// A policy without mirrors.
    pub fn none() -> Self {
        Self {
            mirrors: Vec::new(),
            loop_guard: true,
            annotate: false,
            is_scheduled: false,
            at_primary_end: MirrorSet::default(),
        }
    }

    /// What the comparisons of these mirrors need of the primary's answer; `None` if none of them compares.
    pub fn need(&self, mirrors: MirrorSet) -> Option<Need> {
        let compare = mirrors.of(&self.mirrors).filter_map(|(_, mirror)| mirror.compare.as_ref());
        compare.map(|compare| compare.rules.need()).reduce(Need::and)
    }

    /// The mirrors and their controls.
    pub fn all(&self) -> impl Iterator<Item = &Rc<Mirror>> {
        self.mirrors.iter().flat_map(|mirror| std::iter::once(mirror).chain(&mirror.control))
    }

    /// Another policy takes over. Copies that were made go on.
    pub fn retire(&self, ledger: &mut Ledger) {
        self.all().for_each(|mirror| mirror.retire(ledger));
    }

    /// It is in use from now on.
    pub fn begin(&self, now: Moment) {
        self.all().for_each(|mirror| mirror.gate.begin(now));
    }

    /// Whether a mirror has something to settle with other workers.
    pub fn shares(&self) -> bool {
        self.all().any(|mirror| mirror.shares())
    }

    /// Whether log lines were left out and nobody was told of it.
    pub fn has_unreported_lines(&self) -> bool {
        self.throttles().any(|(_, throttle)| throttle.has_unreported())
    }

    /// What was left out of the log in a minute that is over.
    pub fn left_out(&self, now: Moment) -> Vec<Notice> {
        self.notices(|throttle| throttle.take_left_out(now))
    }

    /// What was left out of the log, where nobody will ask later.
    pub fn all_left_out(&self) -> Vec<Notice> {
        self.notices(Throttle::take_all_left_out)
    }

    fn notices(&self, count: impl Fn(&Throttle) -> Option<u64>) -> Vec<Notice> {
        let notice = |(mirror, throttle): (&Rc<Mirror>, _)| {
            Some(Notice { mirror: mirror.name.clone(), news: News::LeftOut(count(throttle)?) })
        };
        self.throttles().filter_map(notice).collect()
    }

    fn throttles(&self) -> impl Iterator<Item = (&Rc<Mirror>, &Throttle)> {
        self.mirrors.iter().filter_map(|mirror| Some((mirror, mirror.compare.as_ref()?.throttle.as_ref()?)))
    }
}
