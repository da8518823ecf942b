// SPDX-License-Identifier: Apache-2.0
//! Adds up in memory what happened, until the host is told.
//!
//! A host call for each event would cost more than the event. The ledger keeps one sum for each metric and the
//! observations of histograms, and hands out what has changed since the last flush.

use std::collections::BTreeMap;

/// Observations that are kept until they are told in any case. Each is a call to the host, and a worker that made
/// thousands of them at once would keep requests waiting.
const MAX_OBSERVATIONS: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric of a ledger. The default belongs to the first that was defined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Handle(u32);

/// One change that the host is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Add(i64),
    Observe(u64),
}

#[derive(Debug, Default)]
pub struct Ledger {
    metrics: Vec<(Kind, String)>,
    handles: BTreeMap<String, Handle>,
    sums: Vec<i64>,
    /// What the host adds up to by now.
    told: Vec<i64>,
    observations: Vec<(Handle, u64)>,
    dirty: bool,
}

impl Ledger {
    /// The metric of a name, made if it is new.
    pub fn define(&mut self, kind: Kind, name: String) -> Handle {
        if let Some(handle) = self.handles.get(&name) {
            return *handle;
        }
        let handle = Handle(u32::try_from(self.metrics.len()).unwrap_or(u32::MAX));
        self.handles.insert(name.clone(), handle);
        self.metrics.push((kind, name));
        self.sums.push(0);
        self.told.push(0);
        handle
    }

    /// All metrics, in the order of their definition.
    pub fn metrics(&self) -> &[(Kind, String)] {
        &self.metrics
    }

    pub fn name(&self, handle: Handle) -> Option<&str> {
        self.metrics.get(handle.index()).map(|(_, name)| name.as_str())
    }

    pub fn add(&mut self, handle: Handle, amount: i64) {
        if let Some(sum) = self.sums.get_mut(handle.index()) {
            *sum = sum.saturating_add(amount);
            self.dirty = true;
        }
    }

    pub fn observe(&mut self, handle: Handle, value: u64) {
        self.observations.push((handle, value));
        self.dirty = true;
    }

    /// Whether there is anything to tell.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Hands out the observations if they have become many.
    pub fn drain_if_full(&mut self, tell: impl FnMut(usize, Change)) {
        if self.observations.len() >= MAX_OBSERVATIONS {
            self.drain_observations(tell);
        }
    }

    fn drain_observations(&mut self, mut tell: impl FnMut(usize, Change)) {
        for (handle, value) in self.observations.drain(..) {
            tell(handle.index(), Change::Observe(value));
        }
    }

    /// Hands out every change since the last time, with the index of its metric in [`Self::metrics`].
    pub fn drain(&mut self, mut tell: impl FnMut(usize, Change)) {
        for (index, (sum, told)) in self.sums.iter_mut().zip(&mut self.told).enumerate() {
            if *sum != 0 {
                *told = told.saturating_add(*sum);
                tell(index, Change::Add(std::mem::take(sum)));
            }
        }
        self.drain_observations(tell);
        self.dirty = false;
    }

    /// Takes back what the host was told of gauges, until the next drain tells it again: for an end that may come
    /// without another word. A gauge that nobody takes back is wrong for ever.
    pub fn withdraw(&mut self, mut tell: impl FnMut(usize, Change)) {
        let gauges = self.metrics.iter().map(|(kind, _)| *kind == Kind::Gauge);
        for (index, ((sum, told), gauge)) in self.sums.iter_mut().zip(&mut self.told).zip(gauges).enumerate()
        {
            if gauge && *told != 0 {
                tell(index, Change::Add(told.saturating_neg()));
                *sum = sum.saturating_add(std::mem::take(told));
                self.dirty = true;
            }
        }
    }
}

impl Handle {
    fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn drained(ledger: &mut Ledger) -> Vec<(usize, Change)> {
        let mut changes = Vec::new();
        ledger.drain(|index, change| changes.push((index, change)));
        changes
    }

    #[test]
    fn tells_each_change_once() {
        let mut ledger = Ledger::default();
        let counter = ledger.define(Kind::Counter, "c".into());
        let gauge = ledger.define(Kind::Gauge, "g".into());
        let histogram = ledger.define(Kind::Histogram, "h".into());
        ledger.add(counter, 2);
        ledger.add(counter, 3);
        ledger.add(gauge, 1);
        ledger.add(gauge, -1);
        ledger.observe(histogram, 7);
        ledger.observe(histogram, 7);
        assert!(ledger.is_dirty());
        assert_eq!(
            drained(&mut ledger),
            [(0, Change::Add(5)), (2, Change::Observe(7)), (2, Change::Observe(7))]
        );
        assert!(!ledger.is_dirty());
        assert_eq!(drained(&mut ledger), []);
    }

    #[test]
    fn a_gauge_that_was_withdrawn_is_told_again() {
        let mut ledger = Ledger::default();
        let counter = ledger.define(Kind::Counter, "c".into());
        let gauge = ledger.define(Kind::Gauge, "g".into());
        ledger.add(counter, 5);
        ledger.add(gauge, 3);
        drained(&mut ledger);
        let mut withdrawn = Vec::new();
        ledger.withdraw(|index, change| withdrawn.push((index, change)));
        assert_eq!(withdrawn, [(1, Change::Add(-3))]);
        ledger.add(gauge, -1);
        assert_eq!(drained(&mut ledger), [(1, Change::Add(2))]);
    }

    #[test]
    fn a_name_is_defined_once() {
        let mut ledger = Ledger::default();
        let first = ledger.define(Kind::Counter, "c".into());
        ledger.define(Kind::Counter, "d".into());
        assert_eq!(ledger.define(Kind::Counter, "c".into()), first);
        assert_eq!(ledger.metrics().len(), 2);
    }
}
