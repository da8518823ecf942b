// SPDX-License-Identifier: Apache-2.0
//! A service that the manifests are about, with two versions, and the proxy of the first one's pods.

use std::net::{Ipv6Addr, SocketAddr};

use anyhow::Result;
use harness::client::{Http1, Request, Response};
use harness::upstream::{Protocol, Reply, Upstream};
use serde_json::{Value, json};

use crate::free;
use crate::images::Source;
use crate::manifest::{self, Document};
use crate::proxy::{Proxy, Role};
use crate::world::World;

/// The pod of the primary as another service, which it may ask.
pub const ITSELF: &str = "itself.test";

/// A service of the manifests.
pub struct Service {
    pub name: &'static str,
    pub port: u16,
    pub plugin: &'static str,
    primary: &'static str,
    shadow: &'static str,
    pod: Role,
}

pub const SEARCH: Service = Service {
    name: "search",
    port: 8080,
    plugin: "search-shadow",
    primary: "v1",
    shadow: "v2",
    pod: Role { kind: "sidecar", namespace: "shop", labels: &[("app", "search"), ("version", "v1")] },
};

/// That of the tutorial.
pub const HTTPBIN: Service = Service {
    name: "httpbin",
    port: 8000,
    plugin: "httpbin-shadow",
    primary: "v1",
    shadow: "v1-mirroring",
    pod: Role { kind: "sidecar", namespace: "shadow-demo", labels: &[("app", "httpbin"), ("version", "v1")] },
};

impl Service {
    pub fn namespace(&self) -> &'static str {
        self.pod.namespace
    }

    pub fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace())
    }

    /// As Kubernetes has it; its selector takes in workloads as it does pods.
    pub fn manifest(&self) -> String {
        let (name, namespace, port) = (self.name, self.namespace(), self.port);
        format!(
            "
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: {port}}}]
"
        )
    }
}

pub struct Shop<'a> {
    pub world: &'a World,
    service: &'static Service,
    /// The application in the pods of each version.
    pub v1: Upstream,
    pub v2: Upstream,
    /// Where the sidecar of v1 listens for what is asked of v1.
    inbound: SocketAddr,
    /// Where it listens for what v1 asks others.
    outbound: SocketAddr,
}

impl<'a> Shop<'a> {
    /// Opens the shop, with `search.yaml` as it is shipped but for the image.
    pub async fn with(world: &'a World, source: &Source) -> Result<Self> {
        let shop = Self::open(world, &SEARCH).await?;
        world.kubectl().apply(&SEARCH.manifest())?;
        shop.apply("search.yaml", source)?;
        Ok(shop)
    }

    /// Opens the shop, without any plugin and without the service itself. What is asked of the primary comes to its sidecar.
    pub async fn open(world: &'a World, service: &'static Service) -> Result<Self> {
        Self::behind(world, service, true).await
    }

    /// Opens the shop for `search`, whose pods have no sidecars.
    pub async fn without_sidecars(world: &'a World) -> Result<Self> {
        let shop = Self::behind(world, &SEARCH, false).await?;
        world.kubectl().apply(&SEARCH.manifest())?;
        Ok(shop)
    }

    async fn behind(world: &'a World, service: &'static Service, sidecar: bool) -> Result<Self> {
        world.clear()?;
        // Two addresses: istiod knows workloads by theirs.
        let v2 = Upstream::on(Protocol::Http1, (Ipv6Addr::LOCALHOST, 0).into()).await?;
        let v1 = Upstream::http1().await?;
        v1.respond_with(|_| Reply::status(200).body("v1"));
        v2.respond_with(|_| Reply::status(200).body("v2"));
        let (inbound, outbound) = (free::port()?, free::port()?);
        let Service { name, primary, shadow, .. } = service;
        // No iptables here: the sidecar's listeners are named. A workload is a pod to its service.
        world.kubectl().apply(&format!(
            "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: primary, namespace: {namespace}}}
spec: {{address: 127.0.0.1, ports: {{http: {pod}}}, labels: {{app: {name}, version: {primary}}}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: shadow, namespace: {namespace}}}
spec: {{address: '::1', ports: {{http: {v2}}}, labels: {{app: {name}, version: {shadow}}}}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: primary, namespace: {namespace}}}
spec:
  workloadSelector: {{labels: {{app: {name}, version: {primary}}}}}
  ingress:
  - port: {{number: {inbound}, protocol: HTTP, name: http}}
    bind: 127.0.0.1
    captureMode: NONE
    defaultEndpoint: 127.0.0.1:{v1}
  egress:
  - port: {{number: {outbound}, protocol: HTTP, name: http}}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ['./{ITSELF}']
  # All services of the namespace are known. Without a port the proxy would listen at each service's own.
  - port: {{number: {proxy}, protocol: HTTP_PROXY, name: proxy}}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ['./*']
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: itself, namespace: {namespace}}}
spec:
  hosts: [{ITSELF}]
  ports: [{{name: http, number: {outbound}, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {inbound}}}}}]
",
            namespace = service.namespace(),
            proxy = free::port()?,
            pod = if sidecar { inbound } else { v1.addr().port() },
            v1 = v1.addr().port(),
            v2 = v2.addr().port(),
        ))?;
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self { world, service, v1, v2, inbound: local(inbound), outbound: local(outbound) })
    }

    /// Applies a shipped file with another image.
    pub fn apply(&self, file: &str, source: &Source) -> Result<()> {
        self.apply_all(manifest::shipped(file)?, source)
    }

    pub fn apply_all(&self, documents: Vec<Document>, source: &Source) -> Result<()> {
        let with_image = |document: Document| match document.is_plugin() {
            true => document.of(source),
            false => document,
        };
        let texts = documents.into_iter().map(|document| with_image(document).to_yaml());
        self.world.kubectl().apply(&texts.collect::<Result<String>>()?)
    }

    /// Changes these fields in the specification of the plugin.
    pub fn patch(&self, spec: &Value) -> Result<()> {
        let Service { plugin, .. } = self.service;
        self.world.kubectl().patch("wasmplugin", plugin, self.service.namespace(), &json!({"spec": spec}))
    }

    /// Has the sidecar of v1's pod know these services and no others.
    pub fn let_know(&self, hosts: &[&str]) -> Result<()> {
        let place = "/spec/egress/1/hosts";
        self.world.kubectl().put("sidecar", "primary", self.service.namespace(), place, &json!(hosts))
    }

    /// Starts the sidecar of v1's pod, and waits until its inbound listener serves.
    pub async fn sidecar(&self) -> Result<Proxy> {
        let proxy = Proxy::start(self.world, self.service.pod).await?;
        self.await_listener(&proxy).await?;
        Ok(proxy)
    }

    /// The same, where nobody has applied `metrics.yaml`.
    pub async fn plain_sidecar(&self) -> Result<Proxy> {
        let proxy = Proxy::plain(self.world, self.service.pod).await?;
        self.await_listener(&proxy).await?;
        Ok(proxy)
    }

    async fn await_listener(&self, proxy: &Proxy) -> Result<()> {
        let client = self.client();
        let hello = || Request::post("/hello", "").authority(self.service.host());
        proxy.until("the listener", async || Ok(client.request(hello()).await.is_ok())).await
    }

    /// A client of v1.
    pub fn client(&self) -> Http1 {
        Http1::new(self.inbound)
    }

    /// The application v1 as a client of others, by way of its own sidecar.
    pub fn application(&self) -> Http1 {
        Http1::new(self.outbound)
    }

    /// Mirrors like this from now on.
    pub fn mirror(&self, mirror: &Value) -> Result<()> {
        self.configure(&json!({"mirrors": [mirror]}))
    }

    /// Puts this in the place of the plugin's whole configuration.
    pub fn configure(&self, configuration: &Value) -> Result<()> {
        let Service { plugin, .. } = self.service;
        let place = "/spec/pluginConfig";
        self.world.kubectl().put("wasmplugin", plugin, self.service.namespace(), place, configuration)
    }

    /// A GET as clients in the mesh send it.
    pub fn request(&self, path: &str) -> Request {
        Request::get(path).authority(format!("{}:{}", self.service.host(), self.service.port))
    }

    pub async fn get(&self, path: &str) -> Result<Response> {
        self.client().request(self.request(path)).await
    }

    /// Waits until every GET is copied, or none.
    pub async fn await_copying(&self, proxy: &Proxy, copying: bool) -> Result<()> {
        let what = if copying { "copies" } else { "an end of the copies" };
        proxy.until(what, async || Ok(self.copies(5).await? == if copying { 5 } else { 0 })).await
    }

    /// How many of some GET requests v2 got a copy of.
    async fn copies(&self, of: usize) -> Result<usize> {
        let probed = || self.v2.find_all(|copy| copy.path_only() == "/probe").len();
        let before = probed();
        for _ in 0..of {
            self.get("/probe").await?;
        }
        // What is copied at all is copied within milliseconds.
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        Ok(probed() - before)
    }
}
