// SPDX-License-Identifier: Apache-2.0
//! Away from the service that is mirrored: in a client's sidecar, and to a shadow outside of the mesh.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use harness::client::{Http1, Request};
use harness::upstream::{Reply, Upstream};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::free;
use crate::manifest::{self, Document};
use crate::proxy::{Proxy, Role};
use crate::shop::{SEARCH, Shop};
use crate::tools::run;
use crate::world::World;

const FRONTEND: Role = Role { kind: "sidecar", namespace: "shop", labels: &[("app", "frontend")] };

/// `client.yaml` as it is shipped, but for the image, the port of the primary and the percentage.
pub async fn a_client_copies_what_it_asks_of_the_service(world: &World) -> Result<()> {
    world.clear()?;
    let answering = async |name: &'static str| -> Result<Upstream> {
        let upstream = Upstream::http1().await?;
        upstream.respond_with(move |_| Reply::status(200).body(name));
        Ok(upstream)
    };
    let (search, other, v2) = (answering("search").await?, answering("other").await?, answering("v2").await?);
    // The sidecar listens at the port of the service where there is no iptables.
    let port = free::port()?;
    let services = [("search", port, &search), ("other", port, &other), ("search-v2", 8080, &v2)];
    let services = services.map(|(name, port, upstream)| service(name, port, upstream.addr())).concat();
    world.kubectl().apply(&format!("{services}{}", sidecar(port, free::port()?)))?;
    let shipped = manifest::shipped("client.yaml")?.into_iter().map(|document| match document.is_plugin() {
        true => document
            .of(&world.images.oci())
            .mirroring_all()
            .with(&json!({"match": [{"mode": "CLIENT", "ports": [{"number": port}]}]})),
        false => Ok(document),
    });
    apply(world, shipped)?;
    let proxy = Proxy::start(world, FRONTEND).await?;
    let client = Http1::new(SocketAddr::from(([127, 0, 0, 1], port)));
    let ask = async |request: Request| client.request(request).await;
    proxy
        .until("a copy", async || {
            let asked = ask(Request::get("/first").authority("search")).await;
            Ok(asked.is_ok_and(|answer| answer.is_success()) && v2.count() > 0)
        })
        .await?;
    v2.take();
    for (request, from) in [
        (Request::get("/of-another").authority("other"), "other"),
        (Request::post("/no-get", "new").authority("search"), "search"),
        (Request::get("/short").authority("search").header("cookie", "who=me"), "search"),
        (Request::get("/long").authority("search.shop.svc.cluster.local"), "search"),
    ] {
        let what = format!("{request:?}");
        let answer = ask(request).await?;
        ensure!(answer.status == 200 && answer.text() == from, "{what} got {answer:?}");
    }
    v2.await_count(2).await?;
    for (path, authority) in [("/short", "search-shadow"), ("/long", "search.shop.svc.cluster.local-shadow")]
    {
        let copy = v2.await_where(|copy| copy.path_only() == path).await?;
        ensure!(copy.authority.as_deref() == Some(authority), "{copy:?}");
        ensure!(copy.header("cookie").is_none(), "credentials in {copy:?}");
    }
    ensure!(v2.count() == 2, "others are copied, too: {:?}", v2.take());
    Ok(())
}

/// `external.yaml` as it is shipped, but for the image, where the host is, who vouches for it, and the percentage.
pub async fn an_external_shadow_is_reached_over_tls(world: &World) -> Result<()> {
    const HOST: &str = "shadow.example.com";
    let shop = Shop::open(world, &SEARCH).await?;
    world.kubectl().apply(&SEARCH.manifest())?;
    let directory = TempDir::new()?;
    let outside = Upstream::http1().await?;
    let port = with_tls(directory.path(), HOST, outside.addr()).await?;
    let certificate = directory.path().join("certificate.pem");
    let shipped = manifest::shipped("external.yaml")?.into_iter().map(|document| match document.kind() {
        "ServiceEntry" => {
            document.with(&json!({"endpoints": [{"address": "127.0.0.1", "ports": {"http": port}}]}))
        }
        "DestinationRule" => Ok(document.trusting(&certificate)),
        _ => Ok(document.of(&world.images.oci()).mirroring_all()),
    });
    apply(world, shipped)?;
    let proxy = shop.sidecar().await?;
    proxy
        .until("a copy outside", async || {
            let request = shop.request("/find?q=lamp&email=a@b.c").header("x-user-id", "7");
            let answer = shop.client().request(request.header("x-forwarded-for", "192.0.2.7")).await?;
            ensure!(answer.status == 200 && answer.text() == "v1", "the client got {answer:?}");
            Ok(outside.count() > 0)
        })
        .await?;
    let copy = outside.await_where(|copy| copy.path_only() == "/find").await?;
    ensure!(copy.authority.as_deref() == Some(HOST), "{copy:?}");
    ensure!(copy.header("x-user-id") == Some("[redacted]"), "{copy:?}");
    ensure!(copy.query() == Some("q=lamp&email=%5Bredacted%5D"), "{copy:?}");
    ensure!(!format!("{copy:?}").contains("192.0.2.7"), "the client's address is told outside: {copy:?}");
    Ok(())
}

fn apply(world: &World, documents: impl Iterator<Item = Result<Document>>) -> Result<()> {
    let texts = documents.map(|document| document?.to_yaml());
    world.kubectl().apply(&texts.collect::<Result<String>>()?)
}

fn service(name: &str, port: u16, upstream: SocketAddr) -> String {
    format!(
        "
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{name}.shop.svc.cluster.local]
  ports: [{{name: http, number: {port}, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: {}, ports: {{http: {}}}}}]
",
        upstream.ip(),
        upstream.port()
    )
}

/// Where the application asks, and with `known` that other services are known without being listened for.
fn sidecar(port: u16, known: u16) -> String {
    format!(
        "
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: frontend, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: frontend}}}}
  egress:
  - port: {{number: {port}, protocol: HTTP, name: http}}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ['./*']
  - port: {{number: {known}, protocol: HTTP_PROXY, name: proxy}}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ['./*']
"
    )
}

/// Puts TLS with a certificate for `host`, which is written to `directory`, in front of an upstream; the port.
async fn with_tls(directory: &Path, host: &str, upstream: SocketAddr) -> Result<u16> {
    let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    let name = format!("subjectAltName=DNS:{host}");
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=shadow", "-addext", &name])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key))?;
    let certificate = CertificateDer::from_pem_slice(&fs::read(&certificate)?)?;
    let key = PrivateKeyDer::from_pem_slice(&fs::read(&key)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(pass_on(acceptor.clone(), connection, upstream));
        }
    });
    Ok(port)
}

async fn pass_on(acceptor: TlsAcceptor, connection: TcpStream, to: SocketAddr) -> Result<()> {
    let mut outside = acceptor.accept(connection).await.context("the handshake")?;
    let mut inside = TcpStream::connect(to).await?;
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}
