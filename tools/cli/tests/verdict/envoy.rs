// SPDX-License-Identifier: Apache-2.0
//! The verdict on a real Envoy under traffic.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::client::{Http1, Request, burst};
use harness::recording::Recorded;
use harness::upstream::{Reply, Upstream};
use harness::{Bootstrap, Envoy};
use serde_json::json;

use crate::verdict;

pub const REQUESTS: usize = 2_400;
const PLUGIN: &str =
    r#"{"mirrors": [{"name": "v2-next", "cluster": "shadow", "limits": {"max_in_flight": 1000}}]}"#;
/// With room for what a busy machine does to either side.
const ROOM: [&str; 7] = [
    "--max-p99-ratio=4",
    "--max-p999-ratio=1000",
    "--latency-slack-us=60000",
    "--tail-slack-ms=200",
    "--max-slow-increase=1",
    "--max-error-increase=1",
    "--max-p90-ratio=3",
];

/// A service that takes 5 to 15 ms, and its next version.
pub struct Stage {
    pub envoy: Envoy,
    primary: Upstream,
    pub shadow: Upstream,
}

fn usual(request: &Recorded) -> Duration {
    Duration::from_millis(5 + request.path.bytes().map(u64::from).sum::<u64>() % 10)
}

impl Stage {
    pub async fn set(edit: impl FnOnce(Bootstrap) -> Bootstrap) -> Result<Self> {
        let (primary, shadow) = (Upstream::http1().await?, Upstream::http1().await?);
        for upstream in [&primary, &shadow] {
            upstream.respond_with(|request| Reply::status(200).delay(usual(request)));
        }
        let bootstrap = Bootstrap::shipped().primary(primary.addr()).shadow(shadow.addr()).plugin(PLUGIN);
        let envoy = Envoy::start(edit(bootstrap)).await?;
        Ok(Self { envoy, primary, shadow })
    }

    /// Every twentieth request misses a cache, and then asks the database once for each of its results.
    pub fn slow_path(&self) {
        self.shadow.respond_with(|request| {
            let number: usize = request.path.trim_start_matches('/').parse().unwrap_or(0);
            let delay = if number.is_multiple_of(20) { Duration::from_secs(2) } else { usual(request) };
            Reply::status(200).delay(delay)
        });
    }

    pub fn fixed(&self) {
        self.shadow.respond_with(|request| Reply::status(200).delay(usual(request)));
    }

    pub async fn traffic(&self, count: usize) -> Result<()> {
        let client = Http1::new(self.envoy.address());
        burst(&client, count, 24, |index| Request::get(format!("/{index}"))).await.all_succeeded()
    }

    pub fn admin(&self) -> String {
        format!("http://{}", self.envoy.admin())
    }

    /// Everything that happened is counted; also in histograms, which come later.
    pub async fn at_rest(&self) -> Result<()> {
        let stats = self.envoy.settled().await?;
        let sent = stats.counter("shadow_sent_total", &[]);
        let measured = |stats: &harness::Stats| {
            let of = |name: &str| stats.histogram(name, &[("side", "shadow")]).count;
            // An older module has milliseconds.
            of("shadow_duration_microseconds").max(of("shadow_duration_milliseconds")) >= sent
        };
        self.envoy.await_stats(measured, "the histograms").await?;
        ensure!(self.primary.count() as u64 >= sent);
        self.envoy.no_traps()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_path_is_rejected_and_its_repair_promoted() -> Result<()> {
    let stage = Stage::set(|bootstrap| bootstrap).await?;
    let admin = stage.admin();
    let files = tempfile::tempdir()?;
    let file = |name: &str| files.path().join(name).display().to_string();

    let none = verdict(&["--envoy", &admin]).await?;
    ensure!(none.code == Some(3) && none.out.starts_with("SET-UP FAULT  v2-next"), "{none:?}");
    ensure!(none.out.contains("No request reached this mirror"), "{none:?}");

    stage.slow_path();
    stage.traffic(REQUESTS).await?;
    stage.at_rest().await?;
    let page = file("page.html");
    let slow = verdict(&[&["--envoy", &admin, "--html", &page], &ROOM[..]].concat()).await?;
    ensure!(slow.code == Some(1), "{slow:?}");
    ensure!(slow.out.starts_with("REJECT  v2-next, since Envoy started"), "{slow:?}");
    ensure!(slow.out.contains("P99 is too high"), "{slow:?}");
    ensure!(std::fs::read_to_string(&page)?.contains("REJECT"));

    let baseline = file("baseline.json");
    let saved = verdict(&["--envoy", &admin, "--save-baseline", &baseline]).await?;
    ensure!(saved.code == Some(0) && saved.out.contains("v2-next"), "{saved:?}");
    stage.fixed();
    let mut samples = 0;
    // A machine that stalls once makes P99 unsure: then it looks again after more samples, as it is told to.
    let fixed = loop {
        stage.traffic(REQUESTS).await?;
        stage.at_rest().await?;
        samples += REQUESTS;
        let fixed =
            verdict(&[&["--envoy", &admin, "--baseline", &baseline, "--json"], &ROOM[..]].concat()).await?;
        if fixed.code != Some(2) || samples == 4 * REQUESTS {
            break fixed;
        }
    };
    ensure!(fixed.code == Some(0), "{fixed:?}");
    let json = fixed.json()?;
    ensure!(json["verdict"] == "PROMOTE" && json["exit_code"] == 0, "{json:#}");
    ensure!(json["mirrors"][0]["samples"] == json!(samples), "{json:#}");
    ensure!(json["mirrors"][0]["counts"]["shadow"]["2xx"] == json!(samples), "{json:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_has_what_happens_in_it() -> Result<()> {
    let stage = Stage::set(|bootstrap| bootstrap).await?;
    stage.traffic(300).await?;
    stage.at_rest().await?;
    let admin = stage.admin();
    let arguments = ["--envoy", &admin, "--window", "6s", "--json", "--min-samples", "1"];
    let reading = verdict(&arguments);
    tokio::pin!(reading);
    let mut sent = 300;
    let said = loop {
        tokio::select! {
            said = &mut reading => break said?,
            done = stage.traffic(100) => { done?; sent += 100; }
        }
    };
    let samples = said.json()?["mirrors"][0]["samples"].as_u64().unwrap_or(0);
    ensure!(samples > 0 && samples <= sent, "{samples} of {sent}: {said:?}");
    ensure!(said.err.contains("reading again in 6 seconds"), "{said:?}");
    ensure!(said.out.contains("over 6 seconds"), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_an_admins_answer_has_the_same_numbers() -> Result<()> {
    let untagged = Stage::set(|bootstrap| {
        bootstrap.edit(|value| {
            value["stats_config"].as_mapping_mut().map(|config| config.remove("stats_tags"));
        })
    })
    .await?;
    untagged.shadow.respond_with(|request| match request.path.ends_with('7') {
        true => Reply::reset(),
        false => Reply::status(404),
    });
    untagged.traffic(200).await?;
    untagged.at_rest_but_for_histograms().await?;
    for path in ["", "/", "/stats/prometheus", "/stats?format=json&histogram_buckets=cumulative"] {
        let url = format!("{}{path}", untagged.admin());
        let said = verdict(&["--envoy", &url, "--json"]).await?;
        let json = said.json()?;
        let mirror = &json["mirrors"][0];
        let name = if path == "/stats/prometheus" { "v2_next" } else { "v2-next" };
        ensure!(mirror["mirror"] == name && mirror["samples"] == 200, "{path}: {said:?}");
        ensure!(mirror["counts"]["shadow"]["4xx"] == 180, "{path}: {said:?}");
        ensure!(mirror["counts"]["failed"]["unreachable"] == 20, "{path}: {said:?}");
        ensure!(mirror["findings"][0]["shadow"] == json!({"hits": 20, "of": 200}), "{path}: {said:?}");
        ensure!(said.code == Some(1), "few, but certain: {said:?}");
    }
    Ok(())
}

impl Stage {
    async fn at_rest_but_for_histograms(&self) -> Result<()> {
        // Without labels the harness does not know the metrics: look at Envoy's names.
        let all = |stats: &harness::Stats| {
            let count = |name: &str| stats.envoy(&format!("wasmcustom.mirror=.=v2-next;.;{name}"));
            count("side=.=shadow;.;class=.=4xx;.;shadow_responses_total") == 180
                && count("reason=.=unreachable;.;shadow_failed_total") == 20
                && count("side=.=primary;.;class=.=2xx;.;shadow_responses_total") == 200
        };
        self.envoy.await_stats(all, "all counts").await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_has_a_code_and_says_what_to_do() -> Result<()> {
    let stage = Stage::set(Bootstrap::without_filter).await?;
    let admin = stage.admin();
    let listener = format!("http://{}", stage.envoy.address());
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--envoy", "http://127.0.0.1:1"], 69, "admin"),
        (&["--prometheus", "http://127.0.0.1:1"], 69, "Prometheus"),
        (&["--envoy", &listener], 65, "is the filter in a listener"),
        (&["--envoy", &admin], 65, "is the filter in a listener"),
        (&["--window", "soon"], 64, "5m"),
        (&["--no-such-flag"], 64, "--no-such-flag"),
        (&["--max-p99-ratio", "0"], 64, "max_p99_ratio: found 0"),
        (&["--baseline", "no-such-file"], 74, "--save-baseline"),
    ];
    for (arguments, code, words) in cases {
        let said = verdict(arguments).await?;
        ensure!(said.code == Some(code) && said.err.contains(words), "{arguments:?}: {said:?}");
    }
    Ok(())
}
