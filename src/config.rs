// SPDX-License-Identifier: Apache-2.0
//! The configuration as the filter runs on it.
//!
//! [`Config`] is only made by [`Config::parse`], so whoever holds one may rely on every range and name in it.
//! Parsing reports every fault of a configuration, not just the first.

mod compare;
mod conditions;
mod cost;
mod document;
mod fault;
mod fields;
pub mod keys;
mod mirror;
mod reader;
mod redact;
mod sample_by;
mod schedule;
mod target;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::fault::Fault;

use self::document::Document;
use self::reader::{Faults, Node, Path};
use crate::breaker;
use crate::compare::Rules;
use crate::conditions::Conditions;
use crate::edits::{Authority, HeaderEdits, PathRewrite, Retry};
use crate::redact::Redaction;
use crate::sampling::{Percentage, SampleBy};
use crate::schedule::Schedule;
use crate::target::Target;
use crate::token_bucket::Rate;

/// Most mirrors that one configuration may have.
pub const MAX_MIRRORS: usize = 16;

/// Largest value of the two settings that bound memory. The linear memory of a VM ends at 1 GiB, never shrinks, and must
/// hold a buffer twice while it grows or is redacted.
pub const MAX_BYTES: u64 = 256 << 20;

/// A valid configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// 1 to [`MAX_MIRRORS`], with unique names.
    pub mirrors: Vec<Mirror>,
    /// Requests that carry the marker of a mirror are not mirrored again.
    pub loop_guard: bool,
    /// Most bytes that one worker holds for copies.
    pub max_buffered_bytes: usize,
    /// Whether the names of the mirrors are left in the primary's filter state.
    pub annotate: bool,
}

/// One mirror: who is copied, what the copy looks like, what it may cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Mirror {
    /// 1 to 64 of `[A-Za-z0-9_-]`: label of the metrics and value of the marker.
    pub name: String,
    pub target: Target,
    pub percentage: Percentage,
    /// `None`: each request for itself, at random.
    pub sample_by: Option<SampleBy>,
    pub schedule: Schedule,
    pub conditions: Conditions,
    pub authority: Authority,
    pub path: Option<PathRewrite>,
    pub headers: HeaderEdits,
    pub redact: Redaction,
    pub body: BodyPolicy,
    /// Above 0, at most an hour, whole milliseconds.
    pub timeout: Duration,
    pub retry: Option<Retry>,
    pub limits: Limits,
    /// `None` if it is off.
    pub breaker: Option<breaker::Settings>,
    /// Everything but the sending.
    pub dry_run: bool,
    /// What of the two answers is compared; `None`: nothing.
    pub compare: Option<Rules>,
}

/// What a copy takes of the request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPolicy {
    /// Copies never have a body.
    None,
    Full {
        max_bytes: usize,
        on_overflow: OnOverflow,
    },
}

/// What happens to a copy whose body is over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOverflow {
    Skip,
    HeadersOnly,
}

/// What a mirror may cost, per worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub max_in_flight: u32,
    /// `None`: any.
    pub rate: Option<Rate>,
}

impl Config {
    /// Reads a plugin configuration as Envoy hands it over: JSON, or a serialized `google.protobuf.Struct`.
    ///
    /// # Errors
    /// All faults, in the order of the document.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        let document = Document::decode(bytes).map_err(|fault| vec![fault])?;
        let faults = Faults::default();
        let config = Self::read(&Node::new(&document, Path::Root, &faults));
        match (config, faults.into_vec()) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(faults),
        }
    }

    fn read(node: &Node) -> Option<Self> {
        let object = node.object(keys::TOP)?;
        let mirrors = object.required("mirrors", "a list of 1 to 16 mirrors", read_mirrors);
        let loop_guard = object.or("loop_guard", true, |node| node.bool());
        let max_buffered_bytes = object
            .or("max_buffered_bytes", 32 << 20, |node| node.integer(1, MAX_BYTES).map(fields::to_usize));
        let annotate = object.or("annotate", false, |node| node.bool());
        Some(Self {
            mirrors: mirrors?,
            loop_guard: loop_guard?,
            max_buffered_bytes: max_buffered_bytes?,
            annotate: annotate?,
        })
    }
}

fn read_mirrors(node: &Node) -> Option<Vec<Mirror>> {
    const EXPECTED: &str = "a list of 1 to 16 mirrors";
    let items = node.list(EXPECTED)?;
    let mirrors: Vec<Option<Mirror>> = items.iter().map(Mirror::read).collect();
    mirror::check_unique(&items);
    if items.is_empty() || items.len() > MAX_MIRRORS {
        node.fault(format_args!("{} mirrors", items.len()), EXPECTED);
        return None;
    }
    mirrors.into_iter().collect()
}
