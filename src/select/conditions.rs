// SPDX-License-Identifier: Apache-2.0
//! Which requests a mirror may have, by what is in their head and by the status of the primary's answer.

use super::{Matcher, PrimaryStatus, Statuses, Test};
use crate::http::{Head, host, query};

const AUTHORITY: &str = ":authority";

/// A mirror's `match` and `exclude`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    /// One of these must hold. `None`: nothing is asked.
    pub any_of: Option<Vec<Condition>>,
    /// None of these may hold.
    pub none_of: Vec<Condition>,
}

/// Holds if everything in it holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    pub methods: Option<Vec<Vec<u8>>>,
    /// Of the path without its query.
    pub path: Option<Matcher>,
    /// Names in lower case, pseudo-headers included. Each line of a header is a value.
    pub headers: Vec<(String, Matcher)>,
    /// Names and values after percent-decoding.
    pub query: Vec<(Vec<u8>, Matcher)>,
    /// Of the primary's answer.
    pub answer: Option<Statuses>,
}

impl Conditions {
    /// Whether the primary's answer must be known.
    pub fn ask_answer(&self) -> bool {
        self.any_of.iter().flatten().chain(&self.none_of).any(|condition| condition.answer.is_some())
    }

    /// Whether a request is eligible, or may be so as long as the answer is not known.
    pub fn admit(&self, head: &Head, status: PrimaryStatus) -> bool {
        // Where it cannot be known the request is not copied: what is excluded may be so for a good reason.
        let any =
            |conditions: &[Condition], unknown| conditions.iter().any(|one| one.holds(head, status, unknown));
        self.any_of.as_deref().is_none_or(|conditions| any(conditions, false)) && !any(&self.none_of, true)
    }
}

impl Condition {
    fn holds(&self, head: &Head, status: PrimaryStatus, unknown: bool) -> bool {
        let path = head.get(":path").unwrap_or_default();
        let method = head.get(":method").unwrap_or_default();
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|one| one == method))
            && self
                .path
                .as_ref()
                .is_none_or(|matcher| matcher.holds(std::iter::once(query::split(path).0), unknown))
            && self.headers.iter().all(|(name, matcher)| match name.as_str() {
                AUTHORITY => host_holds(matcher, head, unknown),
                _ => matcher.holds(head.values(name), unknown),
            })
            && self.query.iter().all(|(name, matcher)| matcher.holds(query::values(path, name), unknown))
            && self.answer.as_ref().is_none_or(|statuses| match status {
                PrimaryStatus::Known(status) => statuses.has(status),
                PrimaryStatus::Unreadable => unknown,
                PrimaryStatus::Awaited => !unknown,
            })
    }
}

/// Both the host of the request and one that is asked for exactly are compared in one spelling.
fn host_holds(matcher: &Matcher, head: &Head, unknown: bool) -> bool {
    let scheme = head.get(":scheme");
    let mut hosts = head.values(AUTHORITY).map(|value| host::normal(value, scheme));
    match matcher {
        Matcher::Value(Test::Exact(text)) => {
            let expected = host::normal(&text.bytes, scheme);
            hosts.any(|host| host == expected)
        }
        matcher => matcher.holds(hosts, unknown),
    }
}
