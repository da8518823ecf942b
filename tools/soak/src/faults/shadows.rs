// SPDX-License-Identifier: Apache-2.0
//! Shadows with faults, and the clusters by which Envoy knows them.

#![expect(clippy::indexing_slicing, reason = "of JSON and YAML that this program makes or knows")]

use std::any::Any;
use std::net::SocketAddr;

use anyhow::Result;
use harness::Bootstrap;
use harness::upstream::{BlackHole, FullBacklog, Refusing, Reply, Upstream};
use serde_yaml_ng::Value;

use super::fault::Shadow;
use crate::twin::yaml;

/// What has to live as long as Envoy.
#[derive(Default)]
pub struct Shadows(Vec<Box<dyn Any + Send + Sync>>);

impl Shadows {
    /// Adds a cluster with this name.
    pub async fn add(&mut self, bootstrap: Bootstrap, name: &str, shadow: &Shadow) -> Result<Bootstrap> {
        Ok(
            match shadow {
                Shadow::Http1(reply) => {
                    let address = self.answering(Upstream::http1().await?, *reply);
                    bootstrap.cluster(name, address)
                }
                Shadow::Http2(reply) => {
                    let address = self.answering(Upstream::http2().await?, *reply);
                    bootstrap.cluster_http2(name, address)
                }
                Shadow::Refuses => bootstrap.cluster(name, self.refusing()?),
                Shadow::BlackHole => {
                    let hole = BlackHole::new().await?;
                    let address = hole.addr();
                    self.0.push(Box::new(hole));
                    bootstrap.cluster(name, address)
                }
                Shadow::FullBacklog => {
                    let full = FullBacklog::new().await?;
                    let address = full.addr();
                    self.0.push(Box::new(full));
                    bootstrap.cluster(name, address)
                }
                Shadow::NoTls => {
                    let address = self.answering(Upstream::http1().await?, || Reply::status(200));
                    bootstrap.cluster(name, address).edit_cluster(name, speak_tls)
                }
                Shadow::DnsGone => {
                    bootstrap.cluster(name, self.refusing()?).edit_cluster(name, |cluster| {
                        cluster["type"] = "STRICT_DNS".into();
                        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
                            ["socket_address"]["address"] = "gone.invalid".into();
                    })
                }
                Shadow::HalfDead => {
                    let (alive, dead) =
                        (self.answering(Upstream::http1().await?, || Reply::status(200)), self.refusing()?);
                    bootstrap.cluster(name, alive).edit_cluster(name, |cluster| also_at(cluster, dead))
                }
                Shadow::NoEndpoints => bootstrap.cluster(name, self.refusing()?).no_endpoints(name),
                Shadow::Missing => bootstrap,
            },
        )
    }

    pub fn answering(&mut self, upstream: Upstream, reply: fn() -> Reply) -> SocketAddr {
        let address = upstream.addr();
        upstream.keep(0);
        upstream.respond_with(move |_| reply());
        self.0.push(Box::new(upstream));
        address
    }

    fn refusing(&mut self) -> Result<SocketAddr> {
        let refusing = Refusing::new()?;
        let address = refusing.addr();
        self.0.push(Box::new(refusing));
        Ok(address)
    }
}

fn speak_tls(cluster: &mut Value) {
    cluster["transport_socket"] = yaml(
        "name: envoy.transport_sockets.tls\n\
         typed_config:\n  '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\n",
    );
}

/// A second endpoint.
fn also_at(cluster: &mut Value, address: SocketAddr) {
    let endpoints = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"];
    let mut second = endpoints[0].clone();
    second["endpoint"]["address"]["socket_address"]["port_value"] = address.port().into();
    if let Some(endpoints) = endpoints.as_sequence_mut() {
        endpoints.push(second);
    }
}
