// SPDX-License-Identifier: Apache-2.0
//! The primary's side is what it is without the filter, whatever becomes of the copies. Each exchange of
//! `primary/exchanges.rs` is held twice, with an Envoy that mirrors to four very different shadows and with one that has
//! no filter, and what client and primary saw is compared.

mod exchanges;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::client::{Client, Cut, Http1, Raw, Request, Response};
use harness::upstream::{Refusing, Reply, Upstream};
use harness::{Bootstrap, Envoy};
use serde_json::json;
use serde_yaml_ng::Value;
use tokio::time::Instant;

use self::exchanges::{Exchange, reply};
use crate::bench::{arrived, connection_manager};

/// The caps are far below the largest exchange.
const MIRRORS: &str = r#"{"max_buffered_bytes": 1000000, "mirrors": [
    {"cluster": "works", "body": {"max_bytes": 65536}},
    {"cluster": "hangs", "timeout": "1s"},
    {"cluster": "garbled", "body": {"max_bytes": 65536, "on_overflow": "headers_only"}},
    {"cluster": "dead", "body": {"mode": "none"}},
    {"cluster": "missing"}
]}"#;

/// An Envoy and its primary.
struct Side {
    envoy: Envoy,
    primary: Upstream,
}

impl Side {
    async fn start(edit: impl FnOnce(Bootstrap) -> Bootstrap) -> Result<Self> {
        let primary = Upstream::http1().await?;
        primary.respond_with(|request| reply(request.path_only()));
        let bootstrap = Bootstrap::shipped()
            .primary(primary.addr())
            .edit_listener(let_trailers_through)
            .edit_cluster("primary", let_trailers_back);
        let envoy = Envoy::start(edit(bootstrap)).await?;
        Ok(Self { envoy, primary })
    }

    /// Holds one exchange over HTTP/1.1 and shows what both ends saw of it.
    async fn http1(&self, exchange: &Exchange) -> Result<String> {
        let mut client = Raw::connect(self.envoy.address()).await?;
        client.send(exchange.bytes()).await?;
        let mut seen = String::new();
        if exchange.continues {
            seen += &shown(Ok(client.read_head().await?));
        }
        seen += &shown(client.read_response_to(exchange.method).await);
        // Whether the connection goes on is part of it.
        client.send("GET /after HTTP/1.1\r\nhost: a.test\r\n\r\n").await.ok();
        seen += &shown(client.read_response().await);
        Ok(seen + &self.primary_saw(exchange).await?)
    }

    /// Likewise over HTTP/2.
    async fn http2(&self, exchange: &Exchange) -> Result<String> {
        let client = harness::client::Http2::new(self.envoy.address());
        let seen = shown(client.request(exchange.request()).await);
        Ok(seen + &self.primary_saw(exchange).await?)
    }

    /// Upgrades a connection and speaks over it.
    async fn tunnel(&self) -> Result<String> {
        let exchange = &exchanges::UPGRADE;
        let mut client = Raw::connect(self.envoy.address()).await?;
        client.send(exchange.bytes()).await?;
        let mut seen = shown(client.read_head().await);
        client.send("ping").await?;
        seen += &String::from_utf8(client.read_exactly(4).await?)?;
        Ok(seen + &self.primary_saw(exchange).await?)
    }

    async fn primary_saw(&self, exchange: &Exchange) -> Result<String> {
        let request = arrived(&self.primary, exchange.path).await?;
        let count = self.primary.find_all(|other| other.path == exchange.path).len();
        self.primary.take();
        Ok(format!(
            "primary, {count} times: {}{}{:?}",
            without_moment(&request.raw_head),
            brief(&request.body),
            request.trailers
        ))
    }
}

/// An answer in full, or how it failed.
fn shown(response: Result<Response>) -> String {
    let response = match response {
        Ok(response) => response,
        Err(error) => match error.downcast_ref::<Cut>() {
            Some(cut) => return format!("cut: {}", shown(Ok(cut.partial.clone()))),
            None => return "broken\n".to_owned(),
        },
    };
    let mut headers = without_moment(&response.raw_head);
    if response.raw_head.is_empty() {
        let mut lines: Vec<u8> = Vec::new();
        for (name, value) in &response.headers {
            lines.extend([name, b": ".as_slice(), value, b"\r\n"].concat());
        }
        headers = without_moment(&lines);
    }
    let (status, trailers) = (response.status, &response.trailers);
    format!("{status} {headers}{}{trailers:?}\n", brief(&response.body))
}

/// A body, or what tells it from another one where it is long.
fn brief(body: &[u8]) -> String {
    const SHORT: usize = 1_000;
    if body.len() <= SHORT {
        return body.escape_ascii().to_string();
    }
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("{} bytes, hash {}", body.len(), hasher.finish())
}

/// A head without what differs between any two exchanges.
fn without_moment(head: &[u8]) -> String {
    const MOMENTARY: [&str; 3] = ["date:", "x-request-id:", "x-envoy-upstream-service-time:"];
    let text = head.escape_ascii().to_string();
    let lines = text.split("\\r\\n").map(|line| {
        let momentary = MOMENTARY.iter().find(|name| line.starts_with(**name));
        momentary.map_or(line, |name| *name)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn let_trailers_through(listener: &mut Value) {
    let manager = connection_manager(listener);
    manager["http_protocol_options"] = serde_yaml_ng::from_str("enable_trailers: true").unwrap();
    // Far below the largest exchange: Envoy has to push back all the time.
    listener["per_connection_buffer_limit_bytes"] = 16_384.into();
}

fn let_trailers_back(cluster: &mut Value) {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n  \
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n  \
        explicit_http_config: {http_protocol_options: {enable_trailers: true}}\n";
    cluster["typed_extension_protocol_options"] = serde_yaml_ng::from_str(options).unwrap();
    cluster["per_connection_buffer_limit_bytes"] = 16_384.into();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_and_primary_see_what_they_see_without_the_filter() -> Result<()> {
    let (works, hangs) = (Upstream::http1().await?, Upstream::http1().await?);
    let (garbled, dead) = (Upstream::http1().await?, Refusing::new()?);
    hangs.respond_with(|_| Reply::hang());
    garbled.respond_with(|_| Reply::garbled());
    let mirrored = Side::start(|bootstrap| {
        let shadows = [
            ("works", works.addr()),
            ("hangs", hangs.addr()),
            ("garbled", garbled.addr()),
            ("dead", dead.addr()),
        ];
        shadows
            .into_iter()
            .fold(bootstrap.plugin(MIRRORS), |bootstrap, (name, address)| bootstrap.cluster(name, address))
    });
    let (mirrored, alone) = tokio::try_join!(mirrored, Side::start(Bootstrap::without_filter))?;

    for exchange in &exchanges::ALL {
        let (with, without) = tokio::try_join!(mirrored.http1(exchange), alone.http1(exchange))
            .with_context(|| exchange.path.to_owned())?;
        differ_nowhere(exchange, &with, &without)?;
        if exchange.http2 {
            let (with, without) = tokio::try_join!(mirrored.http2(exchange), alone.http2(exchange))
                .with_context(|| format!("{} over HTTP/2", exchange.path))?;
            differ_nowhere(exchange, &with, &without)?;
        }
    }

    let (with, without) = tokio::try_join!(mirrored.tunnel(), alone.tunnel())?;
    differ_nowhere(&exchanges::UPGRADE, &with, &without)?;

    // First, because a trapped module never comes to rest.
    mirrored.envoy.no_traps()?;
    let stats = mirrored.envoy.settled().await?;
    stats.check_equations()?;
    let fates = |mirror: &str, of: &str| stats.failed(mirror).get(of).copied().unwrap_or(0);
    ensure!(works.count() > exchanges::ALL.len(), "copies were not made");
    ensure!(fates("hangs", "timeout") > 0, "{stats}");
    ensure!(fates("garbled", "unreachable") > 0, "{stats}");
    ensure!(fates("dead", "unreachable") > 0, "{stats}");
    ensure!(fates("missing", "unknown_cluster") > 0, "{stats}");
    Ok(())
}

fn differ_nowhere(exchange: &Exchange, with: &str, without: &str) -> Result<()> {
    if with == without {
        return Ok(());
    }
    let at = with.bytes().zip(without.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| text.chars().skip(at.saturating_sub(200)).take(400).collect::<String>();
    anyhow::bail!("{} with the filter:\n{}\nand without:\n{}", exchange.path, around(with), around(without))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_shadow_does_not_slow_the_primary() -> Result<()> {
    const REQUESTS: usize = 300;
    let shadow = Upstream::http1().await?;
    shadow.respond_with(|_| Reply::hang());
    let mirrored = Side::start(|bootstrap| {
        bootstrap.shadow(shadow.addr()).plugin(
            r#"{"mirrors": [{"cluster": "shadow", "timeout": "2s", "limits": {"max_in_flight": 100}}]}"#,
        )
    });
    let (mirrored, alone) = tokio::try_join!(mirrored, Side::start(Bootstrap::without_filter))?;
    let (with, without) = (Http1::new(mirrored.envoy.address()), Http1::new(alone.envoy.address()));
    let (mut latency_with, mut latency_without) = (Vec::new(), Vec::new());
    // In turns, so that what else the machine does meets both.
    for index in 0..REQUESTS {
        let upload = Request::post(format!("/plain/{index}"), vec![b'.'; 1_000]);
        latency_with.push(timed(&with, upload.clone()).await?);
        latency_without.push(timed(&without, upload).await?);
    }
    ensure!(shadow.started() > 0, "no copy hangs");
    let (with, without) =
        (harness::client::latencies(&latency_with), harness::client::latencies(&latency_without));
    ensure!(with.p50 < 2 * without.p50 + Duration::from_millis(1), "{with} with a copy, {without} without");
    let stats = mirrored.envoy.settled().await?;
    stats.check_equations()?;
    ensure!(stats.failed("shadow").get("timeout") >= Some(&100), "{stats}");
    mirrored.envoy.no_traps()
}

/// Bodies of 8 MiB that are redacted for two mirrors, on the only worker, and a client that asks for something else. It is compared with
/// the same uploads through a filter that redacts nothing: Envoy's own work with such bodies is in both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redacting_large_bodies_does_not_hold_up_others() -> Result<()> {
    const REQUESTS: usize = 400;
    let mirrors = |redact: Option<&str>| {
        let mirror = |name: &str| {
            let mut mirror = json!({
                "name": name, "cluster": "shadow", "match": [{"methods": ["POST"]}], "timeout": "30s",
                "body": {"max_bytes": 16 << 20},
            });
            if let Some(pointer) = redact {
                mirror["redact"] = json!({"json": [pointer]});
            }
            mirror
        };
        json!({"max_buffered_bytes": 128 << 20, "mirrors": [mirror("a"), mirror("b")]}).to_string()
    };
    let start =
        async |plugin: String| Side::start(|bootstrap| bootstrap.concurrency(1).plugin(&plugin)).await;
    let redacting = start(mirrors(Some("/*/name"))).await?;
    let plain = start(mirrors(None)).await?;
    let item = r#"{"id": 12345, "name": "somebody", "text": "0123456789"},"#;
    let body = format!("[{}{{}}]", item.repeat((8 << 20) / item.len()));
    let mut most = Vec::new();
    for side in [&plain, &redacting] {
        let (uploader, asker) = (Http1::new(side.envoy.address()), Http1::new(side.envoy.address()));
        let upload = Request::post("/plain/upload", body.clone()).header("content-type", "application/json");
        let end = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let uploads = tokio::spawn({
            let end = end.clone();
            async move {
                let mut count = 0;
                while !end.load(std::sync::atomic::Ordering::Relaxed) {
                    uploader.request(upload.clone()).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            }
        });
        let mut times = Vec::new();
        for index in 0..REQUESTS {
            times.push(timed(&asker, Request::get(format!("/plain/{index}"))).await?);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        end.store(true, std::sync::atomic::Ordering::Relaxed);
        let uploads = uploads.await??;
        times.sort();
        let at = |share: f64| times[((REQUESTS - 1) as f64 * share) as usize];
        println!("{uploads} uploads, {:?} {:?} {:?} {:?}", at(0.5), at(0.99), at(0.995), at(1.0));
        most.push(at(0.99));
    }
    let [plain_p99, redacting_p99] = most[..] else { anyhow::bail!("two sides") };
    // It was 95 ms before bodies were redacted in ticks.
    ensure!(
        redacting_p99 < plain_p99 * 2 + Duration::from_millis(20),
        "P99 {redacting_p99:?} with redaction, {plain_p99:?} without"
    );
    redacting.envoy.no_traps()
}

async fn timed(client: &impl Client, request: Request) -> Result<Duration> {
    let start = Instant::now();
    let answer = client.request(request).await?;
    ensure!(answer.status == 200, "{}", answer.status);
    Ok(start.elapsed())
}
