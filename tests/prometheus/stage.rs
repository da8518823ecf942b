// SPDX-License-Identifier: Apache-2.0
//! An Envoy with a mirror for each thing that may happen to one, under traffic. Every alert finds its mirror here.

use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use harness::client::{Http1, Request};
use harness::recording::Recorded;
use harness::upstream::{Refusing, Reply, Upstream};
use harness::{Bootstrap, Envoy, Stats, wasm};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The mirror with something in every panel.
pub const WORSE: &str = "worse";

const PER_SECOND: u32 = 100;
/// When the mirror `ended` ends: when Envoy is up even on a slow machine.
const ENDS_AFTER: Duration = Duration::from_secs(10);

pub struct Stage {
    pub envoy: Envoy,
    traffic: JoinHandle<()>,
    _upstreams: [Upstream; 5],
    _refusing: Refusing,
}

impl Stage {
    pub async fn set() -> Result<Self> {
        // Before the time of a mirror is set, for it may take long.
        wasm::module()?;
        let (primary, good, worse) =
            (Upstream::http1().await?, Upstream::http1().await?, Upstream::http1().await?);
        let (hangs, resets) = (Upstream::http1().await?, Upstream::http1().await?);
        let refusing = Refusing::new()?;
        worse.respond_with(worse_reply);
        hangs.respond_with(|_| Reply::hang());
        resets.respond_with(|_| Reply::status(200).body("begun").reset_after(2));
        let bootstrap = Bootstrap::shipped()
            .primary(primary.addr())
            .shadow(good.addr())
            .cluster("worse", worse.addr())
            .cluster("hangs", hangs.addr())
            .cluster("resets", resets.addr())
            .cluster("refuses", refusing.addr())
            .cluster("empty", refusing.addr())
            .no_endpoints("empty")
            .plugin(mirrors().to_string())
            // Nobody asks these two.
            .extra_listener("quiet", r#"{"mirrors": [{"name": "idle", "cluster": "shadow"}]}"#)
            .extra_listener("broken", r#"{"mirrors": 7}"#)
            .strict(false)
            .edit(|bootstrap| {
                let listener = &mut bootstrap["static_resources"]["listeners"][2]["filter_chains"][0];
                let filter = &mut listener["filters"][0]["typed_config"]["http_filters"][0];
                filter["typed_config"]["config"]["name"] = "broken".into();
            });
        let envoy = Envoy::start(bootstrap).await?;
        ensure!(Http1::new(envoy.address()).get("/").await?.is_success(), "Envoy answers");
        let traffic = tokio::spawn(traffic(Http1::new(envoy.address())));
        let copied = |stats: &Stats| stats.counter("shadow_sent_total", &[("mirror", "ended")]) > 0;
        envoy.await_stats(copied, "a copy of a mirror that is about to end").await?;
        Ok(Self { envoy, traffic, _upstreams: [primary, good, worse, hangs, resets], _refusing: refusing })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.traffic.abort();
    }
}

fn mirrors() -> Value {
    let always = |name: &str, cluster: &str| json!({"name": name, "cluster": cluster, "breaker": "off"});
    let worse = json!({
        "name": WORSE,
        "cluster": "worse",
        "timeout": "1s",
        "exclude": [{"path": {"prefix": "/excluded"}}],
        "compare": {},
    });
    let mut timeout = always("timeout", "hangs");
    timeout["timeout"] = "200ms".into();
    json!({"mirrors": [
        {"name": "good", "cluster": "shadow"},
        worse,
        always("unknown_cluster", "nowhere"),
        always("rejected", "empty"),
        always("unreachable", "refuses"),
        timeout,
        always("reset", "resets"),
        {"name": "dead", "cluster": "refuses", "breaker": {"consecutive_failures": 3, "cooldown": "1h"}},
        {"name": "off", "cluster": "shadow", "percentage": 0},
        {"name": "dry", "cluster": "shadow", "dry_run": true},
        {"name": "ended", "cluster": "shadow", "active": {"until": humantime::format_rfc3339_millis(SystemTime::now() + ENDS_AFTER).to_string()}},
    ]})
}

/// One in ten fails, one in ten is never answered, one in ten is refused, the others are slow.
fn worse_reply(request: &Recorded) -> Reply {
    match request.path.as_bytes().last() {
        Some(b'1') => Reply::status(500),
        Some(b'2') => Reply::hang(),
        Some(b'3') => Reply::status(404),
        _ => Reply::status(200).delay(Duration::from_millis(300)),
    }
}

/// Requests at a fixed rate, until it is aborted.
async fn traffic(client: Http1) {
    let mut ticks = interval(Duration::from_secs(1) / PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for index in 0_u64.. {
        ticks.tick().await;
        let path = if index % 20 == 19 { format!("/excluded/{index}") } else { format!("/{index}") };
        let client = client.clone();
        // An answer that does not come shows in what is measured.
        tokio::spawn(async move { client.request(Request::get(path)).await.ok() });
    }
}
