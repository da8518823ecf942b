// SPDX-License-Identifier: Apache-2.0

//! Envoy configurations for tests, demo and benchmarks, made from the files that users are told to copy. Owns the edits;
//! refuses to hold a configuration of its own: what is tested is what is shipped.
//!
//! An edit that finds no place for itself panics and says what it looked for: the shipped file and this module do not
//! fit each other then, and no caller could go on.

mod filter;
mod place;
mod render;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde_json::Value as Json;
use serde_yaml_ng::Value;

use self::place::{entry, named, yaml};
use crate::root;

/// The listener that the shipped files have.
pub const INGRESS: &str = "ingress";

/// A bootstrap to start an Envoy with, and the options of its command line.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    value: Value,
    module: Option<PathBuf>,
    /// Listeners that run another.
    modules: BTreeMap<String, PathBuf>,
    dynamic_listeners: bool,
    yaml_files: bool,
    pub(crate) concurrency: u32,
    pub(crate) log_level: String,
    pub(crate) drain_seconds: Option<u32>,
    pub(crate) own_clock: bool,
    pub(crate) hot_restart: bool,
    /// Where listeners are, that take over from others.
    pub(crate) ports: BTreeMap<String, u16>,
}

impl Bootstrap {
    /// `envoy/envoy.yaml`, with a port from the OS for everything that listens and with clusters that refuse
    /// connections until [`Self::primary`] and [`Self::shadow`] say where they are. Two workers.
    pub fn shipped() -> Self {
        Self::load("envoy.yaml")
    }

    /// `envoy/envoy-http2.yaml`, likewise.
    pub fn shipped_http2() -> Self {
        Self::load("envoy-http2.yaml")
    }

    /// `envoy/envoy-sampled.yaml`, likewise.
    pub fn shipped_sampled() -> Self {
        Self::load("envoy-sampled.yaml")
    }

    /// `envoy/envoy-per-route.yaml`, likewise.
    pub fn shipped_per_route() -> Self {
        Self::load("envoy-per-route.yaml")
    }

    fn load(file: &str) -> Self {
        let path = root().join("envoy").join(file);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        let value =
            serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut bootstrap = Self {
            value,
            module: None,
            modules: BTreeMap::new(),
            dynamic_listeners: false,
            yaml_files: false,
            concurrency: 2,
            log_level: "info".to_owned(),
            drain_seconds: None,
            own_clock: false,
            hot_restart: false,
            ports: BTreeMap::new(),
        };
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        bootstrap = bootstrap.address("primary", nowhere).address("shadow", nowhere);
        // Histograms show up in the admin's statistics when they are flushed, every 5 s by default.
        bootstrap.edit(|value| *entry(value, "stats_flush_interval") = "0.2s".into())
    }

    /// Where the cluster `primary` is.
    pub fn primary(self, address: SocketAddr) -> Self {
        self.address("primary", address)
    }

    /// Where the cluster `shadow` is.
    pub fn shadow(self, address: SocketAddr) -> Self {
        self.address("shadow", address)
    }

    /// Where a cluster is.
    pub fn address(self, cluster: &str, address: SocketAddr) -> Self {
        self.edit_cluster(cluster, |cluster| {
            let name = cluster["name"].clone();
            let mut assignment = yaml(&format!(
                "endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: '{}', port_value: {}}}}}}}}}]}}]",
                address.ip(),
                address.port(),
            ));
            *entry(&mut assignment, "cluster_name") = name;
            *entry(cluster, "load_assignment") = assignment;
        })
    }

    /// Leaves a cluster without endpoints.
    pub fn no_endpoints(self, cluster: &str) -> Self {
        self.edit_cluster(cluster, |cluster| {
            *entry(&mut cluster["load_assignment"], "endpoints") = Value::Sequence(Vec::new());
        })
    }

    /// Adds another cluster like `shadow`, spoken to over HTTP/1.1.
    pub fn cluster(self, name: &str, address: SocketAddr) -> Self {
        self.add_cluster(name, address, None)
    }

    /// Adds another cluster like `shadow`, spoken to over HTTP/2.
    pub fn cluster_http2(self, name: &str, address: SocketAddr) -> Self {
        let http2 = yaml(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n  \
               '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n  \
               explicit_http_config: {http2_protocol_options: {}}\n",
        );
        self.add_cluster(name, address, Some(http2))
    }

    fn add_cluster(mut self, name: &str, address: SocketAddr, protocol: Option<Value>) -> Self {
        const PROTOCOL: &str = "typed_extension_protocol_options";
        let clusters = self.clusters();
        let mut cluster = named(clusters, "shadow").clone();
        *entry(&mut cluster, "name") = name.into();
        match protocol {
            Some(protocol) => *entry(&mut cluster, PROTOCOL) = protocol,
            None => drop(cluster.as_mapping_mut().and_then(|cluster| cluster.remove(PROTOCOL))),
        }
        clusters.push(cluster);
        self.address(name, address)
    }

    /// Edits one cluster.
    pub fn edit_cluster(mut self, name: &str, edit: impl FnOnce(&mut Value)) -> Self {
        edit(named(self.clusters(), name));
        self
    }

    /// Edits anything: the whole bootstrap as parsed from the file.
    pub fn edit(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        edit(&mut self.value);
        self
    }

    /// Edits the listener `ingress`.
    pub fn edit_listener(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        edit(named(self.listeners(), INGRESS));
        self
    }

    /// How many headers a request to `ingress` may have: Envoy's 100, its own additions included, unless said otherwise.
    pub fn max_headers(self, count: u32) -> Self {
        self.edit_listener(|listener| {
            let options = entry(place::connection_manager(listener), "common_http_protocol_options");
            *entry(options, "max_headers_count") = count.into();
        })
    }

    /// Adds a listener like `ingress`, as it is by now, with another configuration of the same module in the same VM.
    pub fn extra_listener(mut self, name: &str, plugin: impl Into<String>) -> Self {
        let listeners = self.listeners();
        let mut listener = named(listeners, INGRESS).clone();
        *entry(&mut listener, "name") = name.into();
        *entry(place::connection_manager(&mut listener), "stat_prefix") = name.into();
        filter::configure(&mut listener, Some(filter::string_value(plugin.into())));
        listeners.push(listener);
        self
    }

    /// Adds a listener like `ingress`, as it is by now, without the filter. Envoy's own mirroring sends everything to these
    /// clusters, as often as each is named.
    pub fn unfiltered_listener(mut self, name: &str, mirrors: &[&str]) -> Self {
        self = self.extra_listener(name, "{}");
        let listener = named(self.listeners(), name);
        filter::remove(listener);
        native_mirrors(listener, mirrors);
        self
    }

    /// Binds the listeners on ::1 (or back on 127.0.0.1).
    pub fn listener_ipv6(mut self, ipv6: bool) -> Self {
        let address = if ipv6 { "::1" } else { "127.0.0.1" };
        for listener in self.listeners() {
            *entry(&mut listener["address"]["socket_address"], "address") = address.into();
        }
        self
    }

    /// Delivers the listeners through a file that [`Envoy::update`](crate::Envoy::update) replaces.
    pub fn dynamic_listeners(mut self) -> Self {
        self.dynamic_listeners = true;
        self
    }

    /// Hands Envoy YAML, as users do, and not JSON. It makes a difference in a Struct: of the numbers in it, Envoy's YAML
    /// reader leaves those with a fraction as strings (seen on 1.40.0), which no other way of configuring Envoy does.
    pub fn yaml_files(mut self) -> Self {
        self.yaml_files = true;
        self
    }

    /// How often Envoy looks at its own statistics: 0.2 s unless said otherwise, at most 299 s.
    pub fn stats_flush_seconds(self, seconds: u32) -> Self {
        self.edit(|value| *entry(value, "stats_flush_interval") = format!("{seconds}s").into())
    }

    /// The number of workers.
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// Envoy's log level, `info` unless said otherwise.
    pub fn log_level(mut self, level: &str) -> Self {
        level.clone_into(&mut self.log_level);
        self
    }

    /// How long a replaced listener drains before its connections are closed: Envoy's 600 s unless said otherwise.
    pub fn drain_seconds(mut self, seconds: u32) -> Self {
        self.drain_seconds = Some(seconds);
        self
    }

    /// Gives Envoy a calendar clock that [`Envoy::set_clock`](crate::Envoy::set_clock) moves.
    pub fn own_clock(mut self) -> Self {
        self.own_clock = true;
        self
    }

    /// Lets [`Envoy::hot_restart`](crate::Envoy::hot_restart) replace the process.
    pub fn hot_restart(mut self) -> Self {
        self.hot_restart = true;
        self
    }

    /// Runs another module than the one built from these sources.
    pub fn module(mut self, path: impl Into<PathBuf>) -> Self {
        self.module = Some(path.into());
        self
    }

    /// Lets the module call what it likes, on all listeners that have it.
    pub fn unrestricted(mut self) -> Self {
        for listener in self.listeners().iter_mut() {
            if filter::is_in(listener) {
                filter::unrestrict(listener);
            }
        }
        self
    }

    /// Runs another module on one listener, with no restriction of what it may call.
    pub fn module_on(mut self, listener: &str, path: impl Into<PathBuf>) -> Self {
        self.modules.insert(listener.to_owned(), path.into());
        self
    }

    /// The plugin configuration of `ingress`, as a StringValue.
    pub fn plugin(self, json: impl Into<String>) -> Self {
        let configuration = filter::string_value(json.into());
        self.edit_listener(|listener| filter::configure(listener, Some(configuration)))
    }

    /// The plugin configuration of another listener, as a StringValue.
    pub fn plugin_of(mut self, listener: &str, json: impl Into<String>) -> Self {
        filter::configure(named(self.listeners(), listener), Some(filter::string_value(json.into())));
        self
    }

    /// The plugin configuration of `ingress`, as a Struct.
    pub fn plugin_struct(self, json: Json) -> Self {
        let configuration = filter::struct_value(json);
        self.edit_listener(|listener| filter::configure(listener, Some(configuration)))
    }

    /// No plugin configuration at all on `ingress`.
    pub fn no_plugin_config(self) -> Self {
        self.edit_listener(|listener| filter::configure(listener, None))
    }

    /// Whether an invalid configuration is refused, on all listeners.
    pub fn strict(mut self, strict: bool) -> Self {
        for listener in self.listeners() {
            filter::strict(listener, strict);
        }
        self
    }

    /// Takes the filter away: the unmirrored twin.
    pub fn without_filter(mut self) -> Self {
        for listener in self.listeners() {
            filter::remove(listener);
        }
        self
    }

    /// Takes the filter away and mirrors everything to `cluster` by Envoy's own mirroring.
    pub fn native_mirror(self, cluster: &str) -> Self {
        let mut bootstrap = self.without_filter();
        for listener in bootstrap.listeners() {
            native_mirrors(listener, &[cluster]);
        }
        bootstrap
    }

    fn listeners(&mut self) -> &mut Vec<Value> {
        place::sequence(&mut self.value["static_resources"], "listeners")
    }

    fn clusters(&mut self) -> &mut Vec<Value> {
        place::sequence(&mut self.value["static_resources"], "clusters")
    }
}

fn native_mirrors(listener: &mut Value, clusters: &[&str]) {
    if clusters.is_empty() {
        return;
    }
    let policies = clusters.iter().map(|cluster| yaml(&format!("cluster: '{cluster}'")));
    let policies = Value::Sequence(policies.collect());
    for route in place::routes(listener) {
        *entry(&mut route["route"], "request_mirror_policies") = policies.clone();
    }
}
