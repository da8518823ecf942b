// SPDX-License-Identifier: Apache-2.0
//! One Envoy with a listener for each scenario, both services, and the program.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, ensure};
use harness::upstream::{Refusing, Upstream};
use harness::{Bootstrap, Envoy};
use serde_json::{Value, json};

use super::behaviours::{Side, plays};
use crate::verdict;

#[derive(Clone, Debug)]
pub struct Scenario {
    name: &'static str,
    mirror: Value,
    route_retries: bool,
}

impl Scenario {
    pub fn new(name: &'static str) -> Self {
        let mirror = json!({"name": name, "cluster": "shadow", "limits": {"max_in_flight": 1000}});
        Self { name, mirror, route_retries: false }
    }

    /// Copies go to another cluster.
    pub fn to(mut self, cluster: &str) -> Self {
        self.mirror["cluster"] = cluster.into();
        self
    }

    /// More keys of the mirror.
    pub fn with(mut self, keys: Value) -> Self {
        for (key, value) in keys.as_object().into_iter().flatten() {
            self.mirror[key] = value.clone();
        }
        self
    }

    /// The route repeats requests whose connection was lost, as Istio's do.
    pub fn route_retries(mut self) -> Self {
        self.route_retries = true;
        self
    }
}

pub struct Stage {
    pub envoy: Envoy,
    /// A shadow that can be stopped.
    pub mortal: Upstream,
    /// How many requests each listener has had.
    sent: Mutex<BTreeMap<String, usize>>,
    _upstreams: [Upstream; 3],
    _nobody: Refusing,
}

impl Stage {
    pub async fn set(scenarios: &[Scenario]) -> Result<Self> {
        Self::set_with(scenarios, None).await
    }

    /// `most` is the largest answer that Envoy takes for a call.
    pub async fn set_with(scenarios: &[Scenario], most: Option<u64>) -> Result<Self> {
        let (primary, shadow, grpc) =
            (Upstream::http1().await?, Upstream::http1().await?, Upstream::http2().await?);
        let (mortal, nobody) = (Upstream::http1().await?, Refusing::new()?);
        plays(&primary, Side::Primary);
        for upstream in [&shadow, &grpc, &mortal] {
            plays(upstream, Side::Shadow);
        }
        let most = most.unwrap_or(32 << 20);
        let mut bootstrap = Bootstrap::shipped()
            .primary(primary.addr())
            .shadow(shadow.addr())
            .cluster("mortal", mortal.addr())
            .cluster("nobody", nobody.addr())
            .cluster_http2("grpc", grpc.addr())
            .edit(|value| {
                let layer = &mut value["layered_runtime"]["layers"][0]["static_layer"];
                layer["http.async_response_buffer_limit"] = most.into();
            });
        for retries in [false, true] {
            if retries {
                bootstrap = bootstrap.edit_listener(|listener| {
                    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
                    let route = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"];
                    route["retry_policy"]["retry_on"] = "reset,connect-failure".into();
                    // Enough for all users to be answered, however the closing connections fall.
                    route["retry_policy"]["num_retries"] = 6.into();
                });
                bootstrap = bootstrap.edit(|value| {
                    let clusters = value["static_resources"]["clusters"].as_sequence_mut().expect("a list");
                    let named = |name| {
                        clusters.iter().position(|cluster| cluster["name"] == name).expect("a cluster")
                    };
                    let (primary, shadow) = (named("primary"), named("shadow"));
                    clusters[primary]["circuit_breakers"] = clusters[shadow]["circuit_breakers"].clone();
                    clusters[primary]["circuit_breakers"]["thresholds"][0]["max_retries"] = 100.into();
                });
            }
            for scenario in scenarios.iter().filter(|scenario| scenario.route_retries == retries) {
                let plugin = json!({"mirrors": [scenario.mirror]}).to_string();
                bootstrap = bootstrap.extra_listener(scenario.name, plugin);
            }
        }
        let envoy = Envoy::start(bootstrap.plugin(r#"{"mirrors": []}"#)).await?;
        Ok(Self {
            envoy,
            mortal,
            sent: Mutex::default(),
            _upstreams: [primary, shadow, grpc],
            _nobody: nobody,
        })
    }

    /// The first of so many numbers for requests to a listener.
    pub fn numbers(&self, listener: &str, count: usize) -> usize {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let next = sent.entry(listener.to_owned()).or_default();
        let first = *next;
        *next += count;
        first
    }

    /// Everything that happened is counted, in histograms too, which come later.
    pub async fn at_rest(&self) -> Result<()> {
        self.envoy.settled().await?;
        let measured = |stats: &harness::Stats| {
            let shadow = [("side", "shadow")];
            stats.histogram("shadow_duration_microseconds", &shadow).count
                >= stats.counter("shadow_responses_total", &shadow)
        };
        self.envoy.await_stats(measured, "the histograms").await?;
        self.envoy.no_traps()
    }

    /// What the program says of a mirror, with its default limits.
    pub async fn verdict(&self, mirror: &str) -> Result<Value> {
        let admin = format!("http://{}", self.envoy.admin());
        self.verdict_of(&["--envoy", &admin], mirror).await
    }

    pub async fn verdict_of(&self, source: &[&str], mirror: &str) -> Result<Value> {
        let said = verdict(&[source, &["--mirror", mirror, "--json"]].concat()).await?;
        let json = said.json()?;
        ensure!(json["mirrors"][0]["mirror"] == mirror && json["exit_code"] == json!(said.code), "{said:?}");
        Ok(json)
    }
}
