// SPDX-License-Identifier: Apache-2.0
//! Files by which Envoy learns of clusters, of endpoints and of its own pressure: what an operator would change.

#![expect(clippy::indexing_slicing, reason = "of JSON and YAML that this program makes or knows")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use harness::Bootstrap;
use serde_json::{Value, json};

/// A cluster that comes by CDS.
pub const BY_CDS: &str = "by-cds";
/// A cluster whose endpoints come by EDS.
pub const BY_EDS: &str = "by-eds";

pub struct Discovery {
    directory: tempfile::TempDir,
    shadow: SocketAddr,
}

impl Discovery {
    /// Both clusters are at `shadow`.
    pub fn new(shadow: SocketAddr) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("shadow-filter-soak-").tempdir()?;
        let this = Self { directory, shadow };
        this.cluster(true)?;
        this.endpoints(true)?;
        this.pressure(0.0)?;
        Ok(this)
    }

    pub fn wire(&self, bootstrap: Bootstrap, overload: bool) -> Result<Bootstrap> {
        let source =
            |path: PathBuf| json!({"resource_api_version": "V3", "path_config_source": {"path": path}});
        let eds = json!({
            "name": BY_EDS, "type": "EDS", "connect_timeout": "1s",
            "eds_cluster_config": {"eds_config": source(self.path("endpoints.json"))},
        });
        let dynamic = serde_yaml_ng::to_value(json!({"cds_config": source(self.path("clusters.json"))}))?;
        let node = serde_yaml_ng::to_value(json!({"id": "harness", "cluster": "harness"}))?;
        let eds = serde_yaml_ng::to_value(eds)?;
        let manager = serde_yaml_ng::to_value(self.overload_manager())?;
        Ok(bootstrap.edit(|bootstrap| {
            bootstrap["dynamic_resources"] = dynamic;
            bootstrap["node"] = node;
            if let Some(clusters) = bootstrap["static_resources"]["clusters"].as_sequence_mut() {
                clusters.push(eds);
            }
            if overload {
                bootstrap["overload_manager"] = manager;
            }
        }))
    }

    pub fn cluster(&self, there: bool) -> Result<()> {
        let cluster = json!({
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "name": BY_CDS, "connect_timeout": "1s", "load_assignment": self.assignment(BY_CDS, true),
        });
        let clusters = if there { json!([cluster]) } else { json!([]) };
        self.deliver("clusters.json", json!({"version_info": "1", "resources": clusters}))
    }

    pub fn endpoints(&self, there: bool) -> Result<()> {
        let mut assignment = self.assignment(BY_EDS, there);
        assignment["@type"] = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment".into();
        self.deliver("endpoints.json", json!({"version_info": "1", "resources": [assignment]}))
    }

    /// From 0 to 1.
    pub fn pressure(&self, pressure: f64) -> Result<()> {
        self.replace("pressure", &pressure.to_string())
    }

    fn assignment(&self, cluster: &str, there: bool) -> Value {
        let address = json!({"address": "127.0.0.1", "port_value": self.shadow.port()});
        let endpoint = json!({"endpoint": {"address": {"socket_address": address}}});
        let endpoints = if there { json!([{"lb_endpoints": [endpoint]}]) } else { json!([]) };
        json!({"cluster_name": cluster, "endpoints": endpoints})
    }

    /// Under pressure connections are not kept, and memory is given back.
    fn overload_manager(&self) -> Value {
        let monitor = "envoy.resource_monitors.injected_resource";
        let config = "type.googleapis.com/envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig";
        let trigger = json!([{"name": monitor, "threshold": {"value": 0.9}}]);
        let action =
            |name: &str| json!({"name": format!("envoy.overload_actions.{name}"), "triggers": trigger});
        json!({
            "refresh_interval": "0.05s",
            "resource_monitors": [{
                "name": monitor, "typed_config": {"@type": config, "filename": self.path("pressure")},
            }],
            "actions": [action("disable_http_keepalive"), action("shrink_heap")],
        })
    }

    fn deliver(&self, name: &str, value: Value) -> Result<()> {
        self.replace(name, &value.to_string())
    }

    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let file = self.path(name);
        let new = file.with_extension("new");
        fs::write(&new, text).with_context(|| format!("write {}", new.display()))?;
        fs::rename(&new, &file).with_context(|| format!("write {}", file.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.directory.path()).join(name)
    }
}
