// SPDX-License-Identifier: Apache-2.0
//! The search service in its two versions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use harness::upstream::{Reply, Upstream};

use crate::catalogue::{self, Code};

/// One version of the service. Remembers what it was asked.
pub struct Service {
    pub upstream: Upstream,
    behaviour: Arc<Mutex<Behaviour>>,
}

#[derive(Clone, Copy)]
struct Behaviour {
    slowness: Duration,
    code: Code,
}

impl Service {
    pub async fn start(version: &'static str, code: Code) -> Result<Self> {
        let upstream = Upstream::http1().await?;
        let behaviour = Arc::new(Mutex::new(Behaviour { slowness: Duration::ZERO, code }));
        let current = behaviour.clone();
        upstream.respond_with(move |request| {
            let Behaviour { slowness, code } = *current.lock().unwrap_or_else(PoisonError::into_inner);
            catalogue::answer(code, &request.path).unwrap_or_else(|| {
                let answer = format!("{{\"version\": \"{version}\", \"asked\": \"{}\"}}\n", request.path);
                let reply = Reply::status(200).header("content-type", "application/json").body(answer);
                reply.delay(slowness)
            })
        });
        Ok(Self { upstream, behaviour })
    }

    /// Has every answer wait from now on, but those of the catalogue.
    pub fn slow_down(&self, delay: Duration) {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).slowness = delay;
    }

    /// Runs other code from now on.
    pub fn run(&self, code: Code) {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).code = code;
    }
}
