// SPDX-License-Identifier: Apache-2.0
//! Metrics as an operator reads them, and the two equations that they keep.

use std::collections::{BTreeMap, BTreeSet};

use super::Sim;
use crate::host;

/// Counters and gauges that are not 0, by their names.
pub struct Sums(Vec<(String, i64)>);

impl Sums {
    /// Over all of this name with at least these labels.
    pub fn of(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        self.0.iter().filter(|(full, _)| matches(full, name, labels)).map(|(_, value)| value).sum()
    }

    fn mirrors(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(|(name, _)| labels(name).remove("mirror")).collect()
    }
}

impl Sim {
    /// Sum over all counters, or gauges, of this name with at least these labels, as the host knows them.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        self.sums().of(name, labels)
    }

    /// What the host knows of counters and gauges, for those who ask for many.
    pub fn sums(&self) -> Sums {
        let known = |(name, value): (&str, i64)| (value != 0).then(|| (name.to_owned(), value));
        Sums(host::with(|host| host.metrics.values().filter_map(known).collect()))
    }

    /// Whether the host knows any counter or gauge of this name.
    pub fn has_metric(&self, name: &str) -> bool {
        host::with(|host| host.metrics.values().any(|(full, _)| matches(full, name, &[])))
    }

    /// All observations of a histogram, in order.
    pub fn observations(&self, name: &str, labels: &[(&str, &str)]) -> Vec<u64> {
        host::with(|host| {
            let all = host.metrics.observations();
            let all = all.filter(|(full, values)| !values.is_empty() && matches(full, name, labels));
            all.flat_map(|(_, values)| values.to_vec()).collect()
        })
    }

    /// Every metric that is not zero, by its name without the mirror's.
    pub fn counted(&mut self, mirror: &str) -> BTreeMap<String, i64> {
        self.rest();
        let own = format!("mirror=.={mirror};.;");
        host::with(|host| {
            let values = host.metrics.values().filter(|(_, value)| *value != 0);
            values.filter_map(|(name, value)| Some((short(name.strip_prefix(&own)?), value))).collect()
        })
    }

    /// Lets the sums arrive, and asserts that they add up for every mirror.
    pub fn assert_adds_up(&mut self) {
        self.rest();
        let sums = self.sums();
        for mirror in sums.mirrors() {
            let of = |name: &str, labels: &[(&str, &str)]| {
                let labels: Vec<_> = [("mirror", mirror)].iter().chain(labels).copied().collect();
                sums.of(name, &labels)
            };
            let failed = |reason| of("shadow_failed_total", &[("reason", reason)]);
            let sent = of("shadow_sent_total", &[]);
            let refused = failed("unknown_cluster") + failed("rejected");
            assert_eq!(
                of("shadow_requests_total", &[]),
                of("shadow_skipped_total", &[]) + sent + refused,
                "requests = skipped + sent + refused, for {mirror}"
            );
            let answered = of("shadow_responses_total", &[("side", "shadow")]);
            let lost = failed("unreachable") + failed("timeout") + failed("reset") + failed("cut");
            assert_eq!(
                sent,
                answered + lost + of("shadow_in_flight", &[]),
                "sent = answered + lost + in flight, for {mirror}"
            );
            for side in ["primary", "shadow"] {
                let labels = [("mirror", mirror), ("side", side)];
                let observed = self.observations("shadow_duration_microseconds", &labels).len();
                let answers = sums.of("shadow_responses_total", &labels);
                assert_eq!(observed as i64, answers, "a duration for each answer of {side}, for {mirror}");
            }
        }
        let held = sums.of("shadow_buffered_bytes", &[]);
        assert!(held >= 0, "{held} bytes are held");
    }

    /// The same when nothing is under way any more: nothing may be held either.
    pub fn assert_all_settled(&mut self) {
        self.assert_adds_up();
        assert_eq!(self.metric("shadow_in_flight", &[]), 0);
        assert_eq!(self.metric("shadow_buffered_bytes", &[]), 0);
        assert_eq!(self.tick_period(), None, "nothing is left to tick for");
    }
}

fn matches(full: &str, name: &str, wanted: &[(&str, &str)]) -> bool {
    if !full.ends_with(name) || full.rsplit(";.;").next() != Some(name) {
        return false;
    }
    // Asked for each metric of a host: nothing is collected.
    wanted.iter().all(|wanted| full.split(";.;").any(|part| part.split_once("=.=") == Some(*wanted)))
}

fn labels(full: &str) -> BTreeMap<&str, &str> {
    full.split(";.;").filter_map(|part| part.split_once("=.=")).collect()
}

/// `reason=.=loop;.;shadow_skipped_total` as `skipped loop`.
fn short(name: &str) -> String {
    let mut parts: Vec<&str> = name.split(";.;").collect();
    let metric = parts.pop().unwrap_or_default();
    let metric = metric.trim_start_matches("shadow_").trim_end_matches("_total");
    let values = parts.iter().filter_map(|part| part.split_once("=.=")).map(|(_, value)| value);
    [metric].into_iter().chain(values).collect::<Vec<_>>().join(" ")
}
