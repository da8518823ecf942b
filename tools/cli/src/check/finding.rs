// SPDX-License-Identifier: Apache-2.0
//! What is warned of: the names by which a finding can be allowed, and one finding with its place.

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    LoopGuard,
    Writes,
    Credentials,
    Bodies,
    Percentage,
    Rate,
    Timeout,
    Breaker,
    NoEnd,
    Ended,
    Room,
    LogValues,
    LogQuery,
    Ignore,
    Unordered,
    MethodCase,
    PathQuery,
    Pointer,
    PathPrefix,
    YamlKey,
    Cluster,
    CircuitBreakers,
    InFlight,
    Retries,
    Hash,
    Subset,
    ClusterType,
    Loop,
    TwoMirrors,
    Ipv6Host,
    Send,
    FilterOrder,
    Tags,
    Buckets,
    Allow,
}

impl Name {
    /// Each with its spelling.
    pub const ALL: [(Self, &str); 35] = [
        (Self::LoopGuard, "loop-guard"),
        (Self::Writes, "writes"),
        (Self::Credentials, "credentials"),
        (Self::Bodies, "bodies"),
        (Self::Percentage, "percentage"),
        (Self::Rate, "rate"),
        (Self::Timeout, "timeout"),
        (Self::Breaker, "breaker"),
        (Self::NoEnd, "no-end"),
        (Self::Ended, "ended"),
        (Self::Room, "room"),
        (Self::LogValues, "log-values"),
        (Self::LogQuery, "log-query"),
        (Self::Ignore, "ignore"),
        (Self::Unordered, "unordered"),
        (Self::MethodCase, "method-case"),
        (Self::PathQuery, "path-query"),
        (Self::Pointer, "pointer"),
        (Self::PathPrefix, "path-prefix"),
        (Self::YamlKey, "yaml-key"),
        (Self::Cluster, "cluster"),
        (Self::CircuitBreakers, "circuit-breakers"),
        (Self::InFlight, "in-flight"),
        (Self::Retries, "retries"),
        (Self::Hash, "hash"),
        (Self::Subset, "subset"),
        (Self::ClusterType, "cluster-type"),
        (Self::Loop, "loop"),
        (Self::TwoMirrors, "two-mirrors"),
        (Self::Ipv6Host, "ipv6-host"),
        (Self::Send, "send"),
        (Self::FilterOrder, "filter-order"),
        (Self::Tags, "tags"),
        (Self::Buckets, "buckets"),
        (Self::Allow, "allow"),
    ];

    pub fn of(spelling: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == spelling).map(|(name, _)| *name)
    }

    pub fn spelling(self) -> &'static str {
        Self::ALL.iter().find(|(name, _)| *name == self).map_or("", |(_, spelling)| spelling)
    }
}

/// One finding in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub name: Name,
    pub line: Option<usize>,
    /// The place, what is there, and what to write.
    pub says: String,
}

/// One finding in a plugin's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub name: Name,
    /// In the configuration, whether or not there is something.
    pub path: String,
    pub says: String,
}

impl Remark {
    pub fn new(name: Name, path: impl Into<String>, says: impl Into<String>) -> Self {
        Self { name, path: path.into(), says: says.into() }
    }

    /// The same, of a mirror whose own paths it has.
    pub fn of_mirror(self, index: usize) -> Self {
        Self { path: format!("mirrors[{index}].{}", self.path), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_spelling_of_its_own() {
        for (index, (name, spelling)) in Name::ALL.iter().enumerate() {
            assert_eq!(Name::of(spelling), Some(*name));
            assert_eq!((name.spelling(), *name as usize), (*spelling, index));
        }
    }
}
