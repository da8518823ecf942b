// SPDX-License-Identifier: Apache-2.0
//! One Envoy for several groups of faults: a listener with the filter for each group, one that mirrors by Envoy's own
//! means, and one that does not mirror.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use harness::upstream::{Reply, Upstream};
use harness::{Bootstrap, Envoy};
use serde_json::{Value, json};

use super::discovery::{BY_CDS, BY_EDS, Discovery};
use super::fault::{Change, Fault, Shadow};
use super::measure::Addresses;
use super::primaries::Primaries;
use super::shadows::Shadows;
use crate::twin::{route, route_to};

/// Faults at the same time.
pub type Group = Vec<&'static Fault>;

const PLAIN: &str = "plain";
/// Of a cluster that is fine, for groups without a fault of the shadow.
const HEALTHY: &str = "healthy";
/// A mirror with a schedule, for clocks that jump.
pub const SCHEDULED: &str = "scheduled";
/// Copies of all faulty mirrors of a group, for each request.
const COPIES: f64 = 4.0;

pub struct Rig {
    pub envoy: Envoy,
    pub primaries: Primaries,
    pub discovery: Discovery,
    _shadows: Shadows,
}

impl Rig {
    pub async fn start(groups: &[Group], module: Option<&Path>) -> Result<Self> {
        let primaries = Primaries::start().await?;
        let mut shadows = Shadows::default();
        let healthy = shadows.answering(Upstream::http1().await?, || Reply::status(200));
        let discovery = Discovery::new(healthy)?;
        let has = |change| groups.iter().flatten().any(|fault| fault.change() == Some(change));

        let mut bootstrap = Bootstrap::shipped()
            .log_level("error")
            .dynamic_listeners()
            // A listener that drains for good has to serve as long as it is measured.
            .drain_seconds(if has(Change::Drain) { 600 } else { 1 })
            .primary(primaries.with.addr())
            .cluster("primary-of-plain", primaries.without.addr())
            .edit_cluster("primary-of-plain", unlimited)
            .edit_cluster("primary", unlimited)
            .cluster(HEALTHY, healthy)
            .edit_listener(|listener| route(listener)["timeout"] = "1s".into())
            .unfiltered_listener(PLAIN, &[]);
        if has(Change::Clock) {
            bootstrap = bootstrap.own_clock();
        }
        if has(Change::HotRestart) {
            bootstrap = bootstrap.hot_restart();
        }
        bootstrap = discovery.wire(bootstrap, has(Change::Overload))?;
        bootstrap = route_to(bootstrap, PLAIN, "primary-of-plain");
        let mut known: Vec<&str> = Vec::new();
        for fault in groups.iter().flatten() {
            if let (Some(shadow), false) = (fault.shadow(), known.contains(&fault.name)) {
                bootstrap = shadows.add(bootstrap, fault.name, shadow).await?;
                known.push(fault.name);
            }
        }
        for (index, group) in groups.iter().enumerate() {
            bootstrap = bootstrap.extra_listener(&listener(index), plugin(group, 0).to_string());
            if let Some(mirrors) = native(group) {
                bootstrap = bootstrap.unfiltered_listener(&native_listener(index), &mirrors);
                bootstrap = route_to(bootstrap, &native_listener(index), "primary-of-plain");
            }
        }
        // The listener of the shipped file is not asked.
        bootstrap = bootstrap.plugin(json!({"mirrors": [{"name": "none", "cluster": HEALTHY}]}).to_string());
        if let Some(module) = module {
            bootstrap = bootstrap.module(module).unrestricted();
        }
        let envoy = Envoy::start(bootstrap).await?;
        Ok(Self { envoy, primaries, discovery, _shadows: shadows })
    }

    /// An error if a mirror with a schedule did not see the clock both inside and outside of it.
    pub async fn clock_jumped(&self) -> Result<()> {
        let stats = self.envoy.stats().await?;
        let inactive = [("mirror", SCHEDULED), ("reason", "inactive")];
        let (sent, inactive) = (
            stats.counter("shadow_sent_total", &inactive[..1]),
            stats.counter("shadow_skipped_total", &inactive),
        );
        ensure!(sent > 0 && inactive > 0, "{sent} copies in the schedule, {inactive} outside");
        Ok(())
    }

    pub fn addresses(&self, index: usize, group: &Group) -> Addresses {
        Addresses {
            with: self.envoy.address_of(&listener(index)),
            without: self.envoy.address_of(PLAIN),
            native: native(group).map(|_| self.envoy.address_of(&native_listener(index))),
        }
    }
}

fn listener(group: usize) -> String {
    format!("group-{group}")
}

fn native_listener(group: usize) -> String {
    format!("native-{group}")
}

/// What Envoy's own mirroring mirrors to, as often as the filter does. Not for several faults, which the filter samples.
fn native(group: &Group) -> Option<Vec<&'static str>> {
    match group.as_slice() {
        [fault] => Some(match fault.shadow() {
            // Envoy takes no such route.
            Some(Shadow::Missing) => Vec::new(),
            Some(_) => vec![fault.name],
            None => vec![HEALTHY; 3],
        }),
        _ => None,
    }
}

/// A mirror for each fault of a shadow. An odd `version` differs from an even one.
pub fn plugin(group: &Group, version: usize) -> Value {
    let faulty = group.iter().filter(|fault| fault.shadow().is_some());
    let count = faulty.clone().count();
    let percentage = (100.0 * COPIES / count as f64).min(100.0).floor();
    let mut mirrors: Vec<Value> = faulty
        .map(|fault| {
            json!({
                "name": fault.name, "cluster": fault.name, "percentage": percentage, "timeout": "1s",
                // Or the fault would be over at once.
                "breaker": "off", "limits": {"max_in_flight": 200},
            })
        })
        .collect();
    if mirrors.is_empty() {
        let clusters = [(HEALTHY, HEALTHY), ("by-cds", BY_CDS), ("by-eds", BY_EDS)];
        mirrors.extend(
            clusters.map(|(name, cluster)| json!({"name": name, "cluster": cluster, "timeout": "1s"})),
        );
    }
    if group.iter().any(|fault| fault.change() == Some(Change::Clock)) {
        mirrors.push(json!({
            "name": SCHEDULED, "cluster": HEALTHY, "timeout": "1s", "active": {"from": at(-1_800), "until": at(1_800)},
        }));
    }
    let compare =
        if version.is_multiple_of(2) { json!({"body": "bytes", "log_per_minute": 1}) } else { json!({}) };
    for mirror in &mut mirrors {
        mirror["compare"] = compare.clone();
    }
    json!({"mirrors": mirrors})
}

/// So many seconds from the start of this program, as the configuration writes it.
fn at(seconds: i64) -> String {
    static START: OnceLock<SystemTime> = OnceLock::new();
    let start = *START.get_or_init(SystemTime::now);
    let apart = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { start - apart } else { start + apart };
    humantime::format_rfc3339_seconds(time).to_string()
}

/// What the load is measured with must not be what is measured.
fn unlimited(cluster: &mut serde_yaml_ng::Value) {
    cluster["circuit_breakers"] = crate::twin::yaml(
        "thresholds: [{max_connections: 10000, max_pending_requests: 10000, max_requests: 10000}]",
    );
}
