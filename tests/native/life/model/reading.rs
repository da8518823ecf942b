// SPDX-License-Identifier: Apache-2.0
//! A request that was read, and what is decided of its copies then, in the order of the README's table.

use std::time::Duration;

use super::{Kind, Reading, Request};
use crate::life::spec::{Body, REPLACEMENT, Spec};

impl Reading {
    /// Whether mirrors want it, so that its answer is looked at.
    pub fn is_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Whether as much of the body came as was announced.
    pub fn is_whole(&self) -> bool {
        self.is_wanted() && self.request.announced == Some(self.body.len())
    }

    /// The cluster and the body of a mirror's copy, or why there is none.
    pub(super) fn copy(&self, index: usize, now: Duration) -> Result<(String, Vec<u8>), &'static str> {
        let (spec, gate) = (self.policy.mirror(index), &self.policy.gates[index]);
        let cluster = target(spec, &self.request).expect("it was asked before").to_owned();
        if !gate.borrow().breaker_admits(&cluster, now) {
            return Err("breaker");
        }
        let body = if self.bodiless.contains(&index) { Vec::new() } else { self.body.clone() };
        let body = self.redacted(spec, body)?;
        if self.request.kind == Kind::Large {
            return Err("headers_too_large");
        }
        gate.borrow_mut().admits(now)?;
        if spec.dry_run { Err("dry_run") } else { Ok((cluster, body)) }
    }

    /// Only one body can be redacted here, with one place to hide.
    fn redacted(&self, spec: &Spec, body: Vec<u8>) -> Result<Vec<u8>, &'static str> {
        let Body::Full { max_bytes, headers_only } = spec.body else { return Ok(body) };
        if !spec.redacts || body.is_empty() {
            return Ok(body);
        }
        let is_json = self.request.json && serde_json::from_slice::<serde_json::Value>(&body).is_ok();
        let text = String::from_utf8(body).ok().filter(|_| is_json).ok_or("unredactable")?;
        let hidden = text.replace("\"hide me\"", &format!("\"{REPLACEMENT}\""));
        match hidden.len() <= max_bytes {
            true => Ok(hidden.into_bytes()),
            false if headers_only => Ok(Vec::new()),
            false => Err("body_too_large"),
        }
    }
}

pub(super) fn target<'a>(spec: &'a Spec, request: &Request) -> Option<&'a str> {
    spec.cluster.or(request.target.filter(|cluster| ["a", "b"].contains(cluster)))
}
