// SPDX-License-Identifier: Apache-2.0
//! Where the answers differ, and which requests the shadow is slow with: what the module's lines in Envoy's log say, by endpoint and field.
//!
//! The module logs as many lines as `log_per_minute` allows, and says how many it left out. The counts are of lines: they say which
//! place is frequent. How many answers differ is what the metrics say.

mod curl;
mod endpoint;
mod line;
mod log;
mod proposal;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

pub use self::endpoint::Template;
pub use self::line::printable;
use self::line::{Difference, Entry, Pair};
pub use self::proposal::Proposal;
use self::values::Values;
use super::failure::{Failure, Kind};

/// Requests that are kept of each place.
const SAMPLES: usize = 2;
/// Places that are kept, whatever the log has.
const MOST: usize = 10_000;

/// What the log says of one mirror.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Places {
    pub mirror: String,
    /// Answers that differ, as far as they were logged.
    pub differences: u64,
    /// Pairs that were logged for their slowness alone.
    pub slow_pairs: u64,
    /// Lines of either kind that the module left out.
    pub left_out: u64,
    /// The most frequent first, and last what looks as if it may differ.
    pub fields: Vec<Field>,
    /// The slowest first.
    pub slow: Vec<Slow>,
    pub proposal: Option<Proposal>,
}

/// A field of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Method, and path with ids taken out.
    pub endpoint: String,
    /// `status`, `header:…` or a pointer with `*` for each index of a list.
    pub field: String,
    /// Logged answers that differ there.
    pub differ: u64,
    /// Logged answers of the endpoint that differ somewhere.
    pub of: u64,
    /// It looks as if it may differ: an id, a time, or a list in another order.
    pub may_differ: bool,
    pub samples: Vec<Sample>,
}

/// An endpoint with slow pairs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slow {
    pub endpoint: String,
    pub pairs: u64,
    /// How many times the primary's time the shadow took, at the most.
    pub worst: f64,
    /// Milliseconds of both sides, added up.
    pub primary_ms: u64,
    pub shadow_ms: u64,
    pub samples: Vec<Sample>,
}

/// One request, with the values where the log has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    pub request_id: Option<String>,
    pub path: String,
    pub primary: Option<Value>,
    pub shadow: Option<Value>,
    pub primary_ms: u64,
    pub shadow_ms: u64,
    /// A command that repeats it; `None` where the log has too little of it.
    pub curl: Option<String>,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub logs: &'a [PathBuf],
    pub endpoints: &'a [Template],
    /// Where requests can be repeated.
    pub repeat_at: Option<&'a str>,
}

/// What logs say, by the name of the mirror. `-` is the standard input, a directory all files in it.
pub fn read(wanted: Wanted) -> Result<BTreeMap<String, Places>, Failure> {
    let mut counting = Counting::new(wanted.endpoints, wanted.repeat_at);
    for path in wanted.logs {
        let read = log::read(path, &mut |line| counting.take(line));
        read.with_context(|| format!("--log {}", path.display())).map_err(|error| Kind::File.of(error))?;
    }
    Ok(counting.sorted())
}

impl Places {
    /// What differs most, unless it looks as if it may.
    pub fn first(&self) -> Option<&Field> {
        self.fields.first().filter(|field| !field.may_differ)
    }
}

struct Counting<'a> {
    endpoints: &'a [Template],
    repeat_at: Option<&'a str>,
    mirrors: BTreeMap<String, Mirror>,
}

#[derive(Default)]
struct Mirror {
    places: Places,
    by_endpoint: BTreeMap<String, u64>,
    fields: BTreeMap<(String, String), Seen>,
    slow: BTreeMap<String, Slow>,
    reordered: proposal::Reordered,
}

#[derive(Default)]
struct Seen {
    differ: u64,
    values: Values,
    samples: Vec<Sample>,
}

impl<'a> Counting<'a> {
    fn new(endpoints: &'a [Template], repeat_at: Option<&'a str>) -> Self {
        Self { endpoints, repeat_at, mirrors: BTreeMap::new() }
    }

    fn take(&mut self, text: &str) {
        let Some(entry) = Entry::of(text) else { return };
        let mirror = self.mirrors.entry(entry.mirror().to_owned()).or_default();
        let endpoint = |pair: &Pair| format!("{} {}", pair.method, endpoint::of(&pair.path, self.endpoints));
        match entry {
            Entry::Differs(pair) => mirror.differs(endpoint(&pair), &pair, self.repeat_at),
            Entry::Slow(pair) => mirror.is_slow(endpoint(&pair), &pair, self.repeat_at),
            Entry::LeftOut { lines, .. } => {
                mirror.places.left_out = mirror.places.left_out.saturating_add(lines)
            }
        }
    }

    fn sorted(self) -> BTreeMap<String, Places> {
        let sorted = |(name, mirror): (String, Mirror)| (name.clone(), mirror.sorted(name));
        self.mirrors.into_iter().map(sorted).collect()
    }
}

impl Mirror {
    fn differs(&mut self, endpoint: String, pair: &Pair, repeat_at: Option<&str>) {
        self.places.differences += 1;
        self.reordered.look_at(&pair.differences);
        let mut counted = BTreeSet::new();
        for difference in &pair.differences {
            let field = endpoint::field(&difference.at);
            let place = (endpoint.clone(), field.clone());
            if self.fields.len() >= MOST && !self.fields.contains_key(&place) {
                continue;
            }
            let seen = self.fields.entry(place).or_default();
            seen.values.add(difference);
            if counted.insert(field) {
                seen.differ += 1;
                if seen.samples.len() < SAMPLES {
                    seen.samples.push(Sample::of(pair, Some(difference), repeat_at));
                }
            }
        }
        if self.by_endpoint.len() < MOST || self.by_endpoint.contains_key(&endpoint) {
            *self.by_endpoint.entry(endpoint).or_default() += 1;
        }
    }

    fn is_slow(&mut self, endpoint: String, pair: &Pair, repeat_at: Option<&str>) {
        self.places.slow_pairs += 1;
        if self.slow.len() >= MOST && !self.slow.contains_key(&endpoint) {
            return;
        }
        let slow = self.slow.entry(endpoint.clone()).or_insert(Slow {
            endpoint,
            pairs: 0,
            worst: 0.0,
            primary_ms: 0,
            shadow_ms: 0,
            samples: Vec::new(),
        });
        slow.pairs += 1;
        slow.worst = slow.worst.max(pair.times());
        slow.primary_ms = slow.primary_ms.saturating_add(pair.primary.ms);
        slow.shadow_ms = slow.shadow_ms.saturating_add(pair.shadow.ms);
        // The slowest ones.
        slow.samples.push(Sample::of(pair, None, repeat_at));
        slow.samples.sort_by_key(|sample| std::cmp::Reverse(sample.shadow_ms));
        slow.samples.truncate(SAMPLES);
    }

    fn sorted(self, name: String) -> Places {
        let Self { mut places, by_endpoint, fields, slow, reordered } = self;
        let unordered = reordered.lists();
        places.mirror = name;
        places.fields = fields
            .into_iter()
            .map(|((endpoint, field), seen)| {
                let of = by_endpoint.get(&endpoint).copied().unwrap_or(seen.differ);
                let may_differ = proposal::is_in_any(&field, &unordered) || seen.values.may_differ(&field);
                Field { endpoint, field, differ: seen.differ, of, may_differ, samples: seen.samples }
            })
            .collect();
        places.fields.sort_by_key(|field| (field.may_differ, std::cmp::Reverse(field.differ)));
        places.slow = slow.into_values().collect();
        places.slow.sort_by_key(|slow| std::cmp::Reverse(slow.shadow_ms.saturating_sub(slow.primary_ms)));
        places.proposal = Proposal::of(&places.fields, unordered);
        places
    }
}

impl Sample {
    fn of(pair: &Pair, difference: Option<&Difference>, repeat_at: Option<&str>) -> Self {
        Self {
            request_id: pair.request_id.clone(),
            path: pair.path.clone(),
            primary: difference.and_then(|difference| difference.primary.clone()),
            shadow: difference.and_then(|difference| difference.shadow.clone()),
            primary_ms: pair.primary.ms,
            shadow_ms: pair.shadow.ms,
            curl: curl::command(pair, repeat_at),
        }
    }
}
