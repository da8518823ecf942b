// SPDX-License-Identifier: Apache-2.0
//! An Envoy with one worker, a listener for each case, one for the probe, a primary and a shadow.

#![expect(clippy::indexing_slicing, reason = "of JSON and YAML that this program makes or knows")]

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use harness::upstream::{Reply, Upstream};
use harness::{Bootstrap, Envoy};
use serde_json::{Value, json};
use serde_yaml_ng::Value as Yaml;

use super::heavy::{self, LARGE, MANY};
use super::probe::ANSWER;
use crate::cpu::Placement;

const PROBE: &str = "probe";
/// Of the answer to a large body: as much as is compared.
const ANSWERED: usize = (1 << 20) - 1024;
/// Mirrors that get the small bodies: with the others as many as there may be.
const COPIES: usize = 13;
/// Regular expressions of a mirror.
const EXPRESSIONS: [&str; 3] = ["(/[a-z]+)*/ab/x", ".*/v[0-9]+/.*", "/(paths|other)/([a-c/]|b/c)*d"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// The probe is alone.
    Alone,
    Absent,
    Nothing,
    Redacted,
    Copies,
    Expressions,
    Worst,
}

impl Case {
    pub const ALL: [Self; 7] = [
        Self::Alone,
        Self::Absent,
        Self::Nothing,
        Self::Redacted,
        Self::Copies,
        Self::Expressions,
        Self::Worst,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Alone => "no other client",
            Self::Absent => "no filter",
            Self::Nothing => "a filter that mirrors nothing",
            Self::Redacted => "two copies of 8 MiB, redacted and compared",
            Self::Copies => "13 copies of 32 KiB",
            Self::Expressions => "three expressions on long paths",
            Self::Worst => "all of that",
        }
    }

    fn listener(self) -> Option<&'static str> {
        match self {
            Self::Alone => None,
            Self::Absent => Some("absent"),
            Self::Nothing => Some("nothing"),
            Self::Redacted => Some("redacted"),
            Self::Copies => Some("copies"),
            Self::Expressions => Some("expressions"),
            Self::Worst => Some("worst"),
        }
    }

    /// Mirrors of different cases have different names, or one would take over from another.
    fn plugin(self) -> Value {
        let (redacted, copies, expressions) = match self {
            Self::Alone | Self::Absent | Self::Nothing => (0, 0, 0),
            Self::Redacted => (2, 0, 0),
            Self::Copies => (0, COPIES, 0),
            Self::Expressions => (0, 0, 1),
            Self::Worst => (2, COPIES, 1),
        };
        let name = self.listener().unwrap_or_default();
        let mut mirrors: Vec<Value> = (0..redacted).map(self::redacted).collect();
        mirrors.extend((0..copies).map(many));
        mirrors.extend((0..expressions).map(matched));
        for (index, mirror) in mirrors.iter_mut().enumerate() {
            mirror["name"] = format!("{name}-{index}").into();
            mirror["cluster"] = "shadow".into();
            mirror["breaker"] = "off".into();
        }
        json!({"max_buffered_bytes": 256 << 20, "mirrors": mirrors})
    }
}

pub struct Stage {
    pub envoy: Envoy,
    _upstreams: [Upstream; 2],
}

impl Stage {
    pub async fn start(placement: &Placement) -> Result<Self> {
        let upstreams = [Upstream::http1().await?, Upstream::http1().await?];
        let large = heavy::json(ANSWERED);
        for upstream in &upstreams {
            upstream.keep(0);
            let large = large.clone();
            upstream.respond_with(move |request| match request.path.as_str() {
                LARGE => Reply::status(200).header("content-type", "application/json").body(large.clone()),
                _ => Reply::status(200).body("{}"),
            });
        }
        let [primary, shadow] = &upstreams;
        let mut bootstrap = Bootstrap::shipped()
            .concurrency(1)
            .log_level("warning")
            .primary(primary.addr())
            .shadow(shadow.addr())
            .edit_listener(|listener| manager(listener)["max_request_headers_kb"] = 96.into())
            .unfiltered_listener("absent", &[])
            .unfiltered_listener(PROBE, &[]);
        for case in Case::ALL {
            if let Some(name) = case.listener().filter(|_| case != Case::Absent) {
                bootstrap = bootstrap.extra_listener(name, case.plugin().to_string());
            }
        }
        bootstrap = bootstrap.edit(|bootstrap| {
            bootstrap["enable_dispatcher_stats"] = true.into();
            if let Some(bootstrap) = bootstrap.as_mapping_mut() {
                bootstrap.remove("stats_flush_interval");
            }
            bootstrap["stats_flush_on_admin"] = true.into();
            for listener in bootstrap["static_resources"]["listeners"].as_sequence_mut().into_iter().flatten()
            {
                if listener["name"] == PROBE {
                    answer_at_once(listener);
                }
            }
        });
        let envoy = Envoy::start(bootstrap).await?;
        placement.pin_envoy(envoy.pid())?;
        Ok(Self { envoy, _upstreams: upstreams })
    }

    pub fn probe(&self) -> SocketAddr {
        self.envoy.address_of(PROBE)
    }

    pub fn listener(&self, case: Case) -> Option<SocketAddr> {
        case.listener().map(|name| self.envoy.address_of(name))
    }

    /// Waits until nothing of the window before is left.
    pub async fn rest(&self) -> Result<()> {
        self.envoy.settled().await.map(drop)
    }

    /// An error if the filter did not do what costs most.
    pub async fn has_worked(&self) -> Result<()> {
        self.envoy.no_traps()?;
        let stats = self.envoy.settled().await?;
        stats.check_equations()?;
        for mirror in ["worst-0", "worst-1", "worst-2", "redacted-0", "copies-0"] {
            let of = [("mirror", mirror)];
            let unmatched = [("mirror", mirror), ("reason", "unmatched")];
            let asked = stats.counter("shadow_requests_total", &of)
                - stats.counter("shadow_skipped_total", &unmatched);
            let sent = stats.counter("shadow_sent_total", &of);
            eprintln!("hold-up: {mirror} sent {sent} copies of {asked} requests");
            ensure!(sent > 0 && sent * 2 >= asked, "most copies of {mirror} were not sent:\n{stats}");
        }
        let compared = [("mirror", "worst-0"), ("result", "match")];
        ensure!(stats.counter("shadow_comparisons_total", &compared) > 0, "nothing was compared:\n{stats}");
        Ok(())
    }
}

fn redacted(_: usize) -> Value {
    json!({
        "match": [{"path": {"exact": LARGE}}],
        "body": {"max_bytes": 16 << 20},
        "redact": {"json": ["/*/user/email", "/*/cards/*/number"]},
        "compare": {"body": "json", "max_body_bytes": 1 << 20, "ignore": ["/*/id", "/*/cards/*/number"]},
    })
}

fn many(_: usize) -> Value {
    json!({"match": [{"path": {"exact": MANY}}]})
}

fn matched(_: usize) -> Value {
    json!({"match": EXPRESSIONS.map(|regex| json!({"path": {"regex": regex}}))})
}

fn manager(listener: &mut Yaml) -> &mut Yaml {
    &mut listener["filter_chains"][0]["filters"][0]["typed_config"]
}

fn answer_at_once(listener: &mut Yaml) {
    let route = &mut manager(listener)["route_config"]["virtual_hosts"][0]["routes"][0];
    if let Some(route) = route.as_mapping_mut() {
        route.remove("route");
    }
    route["direct_response"]["status"] = 200.into();
    route["direct_response"]["body"]["inline_string"] = ANSWER.into();
}
