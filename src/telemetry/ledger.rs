// SPDX-License-Identifier: Apache-2.0
//! Adds up in memory what happened, until the host is told.
//!
//! A host call for each event would cost more than the event. The ledger keeps one sum for each metric and the
//! observations of histograms, and hands out what has changed since the last flush.

/// Observations that are kept until they are told in any case. Each is a call to the host, and a worker that made
/// thousands of them at once would keep requests waiting.
const MAX_OBSERVATIONS: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle(u32);

/// One change that the host is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUpdate {
    Add(i64),
    Observe(u64),
}

#[derive(Debug, Default)]
pub struct Ledger {
    metrics: Vec<(MetricKind, String)>,
    /// Handles of the metrics, in the order of their names.
    by_name: Vec<Handle>,
    sums: Vec<i64>,
    /// What the host adds up to by now.
    told: Vec<i64>,
    observations: Vec<(Handle, u64)>,
    dirty: bool,
}

impl Ledger {
    /// The metric of a name, made if it is new.
    #[inline(never)]
    pub fn define(&mut self, kind: MetricKind, name: String) -> Handle {
        let order = |handle: &Handle| self.name(*handle).unwrap_or_default().cmp(&name);
        let place = match self.by_name.binary_search_by(order) {
            Ok(place) => return self.by_name.get(place).copied().unwrap_or(Handle(u32::MAX)),
            Err(place) => place,
        };
        let handle = Handle(u32::try_from(self.metrics.len()).unwrap_or(u32::MAX));
        self.by_name.insert(place, handle);
        self.metrics.push((kind, name));
        self.sums.push(0);
        self.told.push(0);
        handle
    }

    /// All metrics, in the order of their definition.
    pub fn metrics(&self) -> &[(MetricKind, String)] {
        &self.metrics
    }

    pub fn name(&self, handle: Handle) -> Option<&str> {
        self.metrics.get(handle.index()).map(|(_, name)| name.as_str())
    }

    pub fn add(&mut self, handle: impl Into<Option<Handle>>, amount: i64) {
        let sum = handle.into().and_then(|handle| self.sums.get_mut(handle.index()));
        if let Some(sum) = sum {
            *sum = sum.saturating_add(amount);
            self.dirty = true;
        }
    }

    pub fn observe(&mut self, handle: Option<Handle>, value: u64) {
        self.observations.extend(handle.map(|handle| (handle, value)));
        self.dirty = true;
    }

    /// Whether there is anything to tell.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Hands out the observations if they have become many.
    pub fn drain_if_full(&mut self, tell: impl FnMut(usize, MetricUpdate)) {
        if self.observations.len() >= MAX_OBSERVATIONS {
            self.drain_observations(tell);
        }
    }

    fn drain_observations(&mut self, mut tell: impl FnMut(usize, MetricUpdate)) {
        for (handle, value) in self.observations.drain(..) {
            tell(handle.index(), MetricUpdate::Observe(value));
        }
    }

    /// Hands out every change since the last time, with the index of its metric in [`Self::metrics`].
    pub fn drain(&mut self, mut tell: impl FnMut(usize, MetricUpdate)) {
        for (index, (sum, told)) in self.sums.iter_mut().zip(&mut self.told).enumerate() {
            if *sum != 0 {
                *told = told.saturating_add(*sum);
                tell(index, MetricUpdate::Add(std::mem::take(sum)));
            }
        }
        self.drain_observations(tell);
        self.dirty = false;
    }

    /// Takes back what the host was told of gauges, until the next drain tells it again: for an end that may come
    /// without another word. A gauge that nobody takes back is wrong for ever.
    pub fn withdraw(&mut self, mut tell: impl FnMut(usize, MetricUpdate)) {
        let gauges = self.metrics.iter().map(|(kind, _)| *kind == MetricKind::Gauge);
        for (index, ((sum, told), gauge)) in self.sums.iter_mut().zip(&mut self.told).zip(gauges).enumerate()
        {
            if gauge && *told != 0 {
                tell(index, MetricUpdate::Add(told.saturating_neg()));
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

    fn drained(ledger: &mut Ledger) -> Vec<(usize, MetricUpdate)> {
        let mut changes = Vec::new();
        ledger.drain(|index, change| changes.push((index, change)));
        changes
    }

    #[test]
    fn tells_each_change_once() {
        let mut ledger = Ledger::default();
        let counter = ledger.define(MetricKind::Counter, "c".into());
        let gauge = ledger.define(MetricKind::Gauge, "g".into());
        let histogram = ledger.define(MetricKind::Histogram, "h".into());
        ledger.add(counter, 2);
        ledger.add(counter, 3);
        ledger.add(gauge, 1);
        ledger.add(gauge, -1);
        ledger.observe(Some(histogram), 7);
        ledger.observe(Some(histogram), 7);
        assert!(ledger.is_dirty());
        assert_eq!(
            drained(&mut ledger),
            [(0, MetricUpdate::Add(5)), (2, MetricUpdate::Observe(7)), (2, MetricUpdate::Observe(7))]
        );
        assert!(!ledger.is_dirty());
        assert_eq!(drained(&mut ledger), []);
    }

    #[test]
    fn a_gauge_that_was_withdrawn_is_told_again() {
        let mut ledger = Ledger::default();
        let counter = ledger.define(MetricKind::Counter, "c".into());
        let gauge = ledger.define(MetricKind::Gauge, "g".into());
        ledger.add(counter, 5);
        ledger.add(gauge, 3);
        drained(&mut ledger);
        let mut withdrawn = Vec::new();
        ledger.withdraw(|index, change| withdrawn.push((index, change)));
        assert_eq!(withdrawn, [(1, MetricUpdate::Add(-3))]);
        ledger.add(gauge, -1);
        assert_eq!(drained(&mut ledger), [(1, MetricUpdate::Add(2))]);
    }

    #[test]
    fn a_name_is_defined_once() {
        let mut ledger = Ledger::default();
        let first = ledger.define(MetricKind::Counter, "c".into());
        ledger.define(MetricKind::Counter, "d".into());
        assert_eq!(ledger.define(MetricKind::Counter, "c".into()), first);
        assert_eq!(ledger.metrics().len(), 2);
    }
}
