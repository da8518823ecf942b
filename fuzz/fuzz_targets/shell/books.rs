// SPDX-License-Identifier: Apache-2.0
//! What was asked of the filter, and what must have come of it.

use std::collections::{BTreeMap, BTreeSet};

use shadow_filter_fuzz::host::{self, Callout};
use shadow_filter_fuzz::sim::Sim;

use super::configurations::{COMPARED, WITHOUT_SECRETS};

#[derive(Default)]
pub struct Books {
    requests: Vec<Request>,
    /// Requests that each mirror had to decide on.
    asked: BTreeMap<&'static str, i64>,
    /// Copies, by mirror and request: each has one at most.
    copies: BTreeSet<(String, usize)>,
    checked: usize,
    /// A metric was not defined or updated: the sums are too low.
    metrics_failed: bool,
    /// A root could not tell that it has ended.
    done_failed: bool,
}

/// A request, as far as it was sent.
#[derive(Default)]
pub struct Request {
    pub body: Vec<u8>,
    pub ended: bool,
    pub json: bool,
    pub secret: bool,
    pub announced: Option<usize>,
}

impl Request {
    /// A chunk of this size, as long as the request has not ended.
    pub fn body(&mut self, size: u16, end: bool) -> Vec<u8> {
        let chunk = match self.json {
            true => b"{\"a\":\"secret\",\"b\":[1]}".to_vec(),
            false => vec![b'0' + u8::try_from(self.body.len() % 50).unwrap_or(0); usize::from(size)],
        };
        if !self.ended {
            self.body.extend(&chunk);
        }
        self.ended |= end;
        chunk
    }

    /// One that was announced and read whole counts as ended.
    pub fn gone(&mut self) {
        self.ended |= self.announced == Some(self.body.len());
    }
}

impl Books {
    pub fn next_request(&self) -> usize {
        self.requests.len()
    }

    pub fn begins(&mut self, request: Request, names: &'static [String]) -> usize {
        names.iter().for_each(|name| *self.asked.entry(name).or_default() += 1);
        self.requests.push(request);
        self.requests.len() - 1
    }

    pub fn request(&mut self, index: usize) -> &mut Request {
        &mut self.requests[index]
    }

    pub fn fails(&mut self, call: &str) {
        self.metrics_failed |= ["define_metric", "increment_metric", "record_metric"].contains(&call);
        self.done_failed |= call == "done";
    }

    /// Whether the host's roots and the filter's are the same.
    pub fn every_root_was_told(&self) -> bool {
        !self.done_failed
    }

    /// Looks at the copies that the host took since the last time.
    pub fn check_copies(&mut self) {
        let new = host::with(|host| host.callouts[self.checked..].to_vec());
        self.checked += new.len();
        new.iter().for_each(|copy| self.check_copy(copy));
    }

    fn check_copy(&mut self, copy: &Callout) {
        let mirror = copy.header("x-shadow-mirror");
        let id: usize = copy.header("x-id").parse().expect("the request's own header");
        let Request { body, ended, json, secret, .. } = &self.requests[id];
        assert!(*ended, "a copy of a request that was not read whole");
        assert!(!(*secret && mirror == WITHOUT_SECRETS), "an excluded request was copied");
        if mirror == "redacted" {
            let shows = copy.body.windows(6).any(|part| part == b"secret");
            assert!(!shows && (*json || body.is_empty()), "what must not be shown: {copy:?}");
        } else {
            assert!(copy.body.is_empty() || copy.body == *body, "a copy with a hole: {copy:?}");
            let may_be_bare = ["headers", "bare"].contains(&mirror.as_str());
            assert!(may_be_bare || copy.body == *body, "a copy without its body: {copy:?}");
        }
        assert!(self.copies.insert((mirror, id)), "a second copy: {copy:?}");
    }

    /// Everything has ended.
    pub fn close(&mut self, sim: &mut Sim) {
        self.check_copies();
        sim.rest();
        if self.metrics_failed {
            return;
        }
        sim.assert_all_settled();
        assert_eq!(sim.metric("shadow_breaker_open", &[]), 0);
        for (mirror, asked) in &self.asked {
            let of = |metric: &str, labels: &[(&str, &str)]| {
                sim.metric(metric, &[&[("mirror", *mirror)], labels].concat())
            };
            assert_eq!(of("shadow_requests_total", &[]), *asked, "requests of {mirror}");
            let sent = of("shadow_sent_total", &[]);
            let copies = self.copies.iter().filter(|(name, _)| name == mirror).count();
            assert_eq!(usize::try_from(sent).ok(), Some(copies), "copies of {mirror}");
            assert!(of("shadow_responses_total", &[("side", "primary")]) <= sent);
            let compared = of("shadow_comparisons_total", &[]);
            let expected = if COMPARED.contains(mirror) { sent } else { 0 };
            assert_eq!(compared, expected, "each copy of {mirror} is compared once");
            let mismatches = of("shadow_comparisons_total", &[("result", "mismatch")]);
            let differences = of("shadow_differences_total", &[]);
            assert!((mismatches..=3 * mismatches).contains(&differences));
        }
    }
}
