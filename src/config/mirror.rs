// SPDX-License-Identifier: Apache-2.0
//! Reads one mirror of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::compare;
use super::conditions;
use super::cost;
use super::fields;
use super::keys;
use super::reader::{Excerpt, Node};
use super::redact;
use super::sample_by;
use super::schedule;
use super::target;
use super::{BodyPolicy, Limits, MAX_BYTES, Mirror, OnOverflow};
use crate::breaker;
use crate::conditions::Conditions;
use crate::edits::{Authority, HeaderEdits, NamePattern};
use crate::redact::Redaction;
use crate::reserved::is_reserved;
use crate::sampling::Percentage;
use crate::target::Target;

const MAX_NAME: usize = 64;
const NAME: &str = "1 to 64 characters of A-Z, a-z, 0-9, _ and -";
const AUTHORITY: &str = "{\"suffix\": \"-shadow\"}, {\"literal\": \"v2.example\"} or \"keep\", in characters that an authority may have";
const MAX_AUTHORITY: usize = 255;
const HEADER_NAME: &str = "a header name";
/// Most entries of each of the three lists of header edits. A copy has 1,024 headers at most, which depends on the request.
const MAX_EDITS: usize = 4096;

impl Mirror {
    pub(super) fn read(node: &Node) -> Option<Self> {
        let object = node.object(keys::MIRROR)?;
        let target = target::read(&object);
        let name = object.or("name", None, |node| read_name(node).map(Some));
        let percentage = object.or("percentage", Percentage::ALL, fields::percentage);
        let sample_by = object.or("sample_by", None, |node| sample_by::read(node).map(Some));
        let schedule = schedule::read(&object, percentage);
        let any_of = object.or("match", None, |node| conditions::some(node).map(Some));
        let none_of = object.or("exclude", Vec::new(), conditions::any);
        let authority = object.or("authority", Authority::default(), read_authority);
        let path = object.or("path", None, |node| redact::path(node).map(Some));
        let headers = object.or("headers", HeaderEdits::default(), read_headers);
        let redact = object.or("redact", Redaction::default(), redact::redact);
        let body = object.or("body", BodyPolicy::default(), read_body);
        let timeout = object.or("timeout", Duration::from_secs(5), fields::duration);
        let retry = object.or("retry", None, |node| cost::retry(node, timeout).map(Some));
        let limits = object.or("limits", Limits::default(), cost::limits);
        let breaker = object.or("breaker", Some(breaker::Settings::default()), cost::breaker);
        let dry_run = object.or("dry_run", false, |node| node.bool());
        let compare = object.or("compare", None, |node| compare::read(node).map(Some));
        let target = target?;
        Some(Self {
            name: name?.unwrap_or_else(|| default_name_for(&target)),
            target,
            percentage: percentage?,
            sample_by: sample_by?,
            schedule: schedule?,
            conditions: Conditions { any_of: any_of?, none_of: none_of? },
            authority: authority?,
            path: path?,
            headers: headers?,
            redact: redact?,
            body: body?,
            timeout: timeout?,
            retry: retry?,
            limits: limits?,
            breaker: breaker?,
            dry_run: dry_run?,
            compare: compare?,
        })
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of requests to ", self.percentage)?;
        match &self.target {
            Target::Cluster(cluster) => write!(f, "cluster {cluster}")?,
            Target::Header { name, allowed } => {
                write!(f, "the cluster in {name}, one of {}", allowed.join(", "))?;
            }
        }
        write!(f, " as {}", self.name)?;
        if self.dry_run { f.write_str(", without sending any") } else { Ok(()) }
    }
}

/// Notes every mirror whose name an earlier one has, whatever else is wrong with either.
pub(super) fn check_unique(mirrors: &[Node]) {
    let named: Vec<_> = mirrors.iter().filter_map(|node| Some((node, name_of(node)?))).collect();
    let mut names = BTreeSet::new();
    for (node, name) in &named {
        if !names.insert(name.as_str()) {
            node.fault(
                format_args!("the name {} a second time", Excerpt(name)),
                "a name of its own for each mirror (the default is made of the cluster's)",
            );
        }
    }
}

/// The name that a mirror has or gets, if that much of it is sound.
fn name_of(mirror: &Node) -> Option<String> {
    match mirror.text_at("name") {
        Some(name) => Some(name.to_owned()),
        None => {
            mirror.text_at("cluster").or_else(|| mirror.text_in("cluster_header", "name")).map(default_name)
        }
    }
}

impl Default for BodyPolicy {
    fn default() -> Self {
        Self::Full { max_bytes: 1 << 20, on_overflow: OnOverflow::Skip }
    }
}

fn read_name(node: &Node) -> Option<String> {
    match node.as_str() {
        Some(name) if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_name) => {
            Some(name.to_owned())
        }
        _ => node.refuse(NAME),
    }
}

fn default_name_for(target: &Target) -> String {
    match target {
        Target::Cluster(cluster) => default_name(cluster),
        Target::Header { name, .. } => default_name(name),
    }
}

fn default_name(cluster: &str) -> String {
    cluster.chars().map(|c| if is_name(c) { c } else { '_' }).take(MAX_NAME).collect()
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-'
}

fn read_authority(node: &Node) -> Option<Authority> {
    if !node.is_object() {
        return match node.as_str() {
            Some("keep") => Some(Authority::Keep),
            _ => node.refuse(AUTHORITY),
        };
    }
    let object = node.object(keys::AUTHORITY)?;
    let text = |node: &Node| match node.as_str() {
        Some(text) if (1..=MAX_AUTHORITY).contains(&text.len()) && fields::is_authority(text) => {
            Some(text.as_bytes().to_vec())
        }
        _ => node.refuse("1 to 255 characters that an authority may have"),
    };
    match (object.get("suffix"), object.get("literal")) {
        (Some(suffix), None) => text(suffix).map(Authority::Suffix),
        (None, Some(literal)) => text(literal).map(Authority::Literal),
        // A key that is neither was noted.
        (None, None) if !object.is_empty() => None,
        _ => node.refuse(AUTHORITY),
    }
}

fn read_headers(node: &Node) -> Option<HeaderEdits> {
    let object = node.object(keys::HEADERS)?;
    let remove = object.or("remove", Vec::new(), |node| {
        const EXPECTED: &str = "a list of at most 4096 header names";
        let items = node.list(EXPECTED)?;
        if items.len() > MAX_EDITS {
            return node.refuse(EXPECTED);
        }
        // Collected first, so that a fault in one does not hide those behind it.
        let patterns: Vec<_> = items.iter().map(read_pattern).collect();
        patterns.into_iter().collect()
    });
    let set = object.or("set", Vec::new(), read_values);
    let add = object.or("add", Vec::new(), read_values);
    Some(HeaderEdits { remove: remove?, set: set?, add: add? })
}

fn read_pattern(node: &Node) -> Option<NamePattern> {
    const EXPECTED: &str = "a header name, or the start of one with a * behind it";
    let pattern = node.as_str().and_then(|text| match text.strip_suffix('*') {
        Some("") => Some(NamePattern::Prefix(Vec::new())),
        Some(prefix) => fields::header_name(prefix).map(|name| NamePattern::Prefix(name.into())),
        None => fields::header_name(text).map(|name| NamePattern::Name(name.into())),
    });
    pattern.or_else(|| node.refuse(EXPECTED))
}

fn read_values(node: &Node) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    const EXPECTED: &str = "an object of at most 4096 header names and values";
    let entries = node.entries(EXPECTED)?;
    if entries.len() > MAX_EDITS {
        return node.refuse(EXPECTED);
    }
    let mut values: Vec<Option<(Vec<u8>, Vec<u8>)>> = Vec::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (key, node) in &entries {
        let name = match fields::header_name(key) {
            Some(name) if is_reserved(name.as_bytes()) => {
                node.fault("a header that the filter or Envoy sets", "another header");
                None
            }
            Some(name) => Some(name.into_bytes()),
            None if key.starts_with(':') => {
                node.fault("a pseudo-header", "another header");
                None
            }
            None => {
                node.fault("the name", HEADER_NAME);
                None
            }
        };
        // The same key twice was noted.
        if seen.insert(key.to_ascii_lowercase(), key).is_some_and(|earlier| earlier != *key) {
            node.fault("the header a second time (case does not matter)", "each header once");
        }
        // The value is not shown: it may be a credential.
        let value = match node.as_str() {
            Some(value) if fields::is_header_value(value) => Some(value.as_bytes().to_vec()),
            Some(_) => {
                node.fault("a control character", "text without control characters");
                None
            }
            None => node.refuse("text"),
        };
        values.push(name.zip(value));
    }
    values.into_iter().collect()
}

fn read_body(node: &Node) -> Option<BodyPolicy> {
    let object = node.object(keys::BODY)?;
    let none = object.or("mode", false, |node| node.one_of(&[("full", false), ("none", true)]));
    let max_bytes = object.or("max_bytes", 1 << 20, |node| node.integer(0, MAX_BYTES).map(fields::to_usize));
    let on_overflow = object.or("on_overflow", OnOverflow::Skip, |node| {
        node.one_of(&[("skip", OnOverflow::Skip), ("headers_only", OnOverflow::HeadersOnly)])
    });
    let (none, max_bytes, on_overflow) = (none?, max_bytes?, on_overflow?);
    Some(if none { BodyPolicy::None } else { BodyPolicy::Full { max_bytes, on_overflow } })
}
