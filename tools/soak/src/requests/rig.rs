// SPDX-License-Identifier: Apache-2.0
//! An Envoy with listeners in pairs, one with the filter and one without, each in front of its own primary; and the
//! shadows, good and bad, that the filter copies to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use harness::bootstrap::INGRESS;
use harness::recording::Recorded;
use harness::upstream::{Refusing, Reply, Upstream};
use harness::{Bootstrap, Envoy};
use serde_yaml_ng::Value;

use super::case::{Answer, AnswerEnd, ID};
use crate::twin::{manager, route_to, yaml};

/// Everything that looks into a request or an answer, and shadows that fail.
const MIRRORS: &str = r#"{"annotate": true, "max_buffered_bytes": 4000000, "mirrors": [
    {"name": "works", "cluster": "works", "body": {"max_bytes": 65536}, "breaker": "off",
        "limits": {"max_in_flight": 100000}, "path": {"prefix": "/a", "replacement": "/longer"},
        "headers": {"remove": ["x-internal-*", "cookie"], "set": {"x-a": "b"}, "add": {"c": "d"}}},
    {"name": "looks", "cluster": "works", "percentage": 30, "breaker": "off", "body": {"on_overflow": "headers_only"},
        "redact": {"headers": ["authorization"], "query": ["a"], "json": ["/user/email", "/cards/*/number"]},
        "compare": {"headers": ["content-type"], "body": "json", "ignore": ["/ts"], "log_per_minute": 1, "control": {"cluster": "control"}}},
    {"name": "chooses", "cluster_header": {"name": "x-shadow-to", "allowed": ["works", "shadow"]}, "percentage": 50,
        "sample_by": {"cookie": "session"}, "exclude": [{"path": {"regex": "/(a|b)+c.*"}}],
        "match": [{"methods": ["GET", "POST"], "query": {"x": {"present": false}}}]},
    {"name": "hangs", "cluster": "hangs", "percentage": 5, "timeout": "500ms", "limits": {"max_in_flight": 40}},
    {"name": "garbled", "cluster": "garbled", "percentage": 5, "retry": {"attempts": 1}},
    {"name": "dead", "cluster": "dead", "percentage": 10, "body": {"mode": "none"}},
    {"name": "missing", "cluster": "missing", "percentage": 10}
]}"#;
/// Enough requests of one primary for an exchange to find its own.
const KEPT: usize = 1_024;

pub struct Rig {
    pub envoy: Envoy,
    pub works: Upstream,
    pub workers: u32,
    /// By whether they speak HTTP/2: with the filter, and without.
    sides: [[Side; 2]; 2],
    answers: Answers,
    _bad: (Upstream, Upstream, Refusing),
}

/// Where a client connects to, and who answers.
pub struct Side {
    pub address: SocketAddr,
    pub primary: Upstream,
}

/// What primaries answer to the exchanges that are under way.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<HashMap<u64, Answer>>>);

impl Rig {
    pub async fn start(workers: u32, module: Option<&Path>) -> Result<Self> {
        let answers = Answers::default();
        let works = Upstream::http1().await?;
        works.keep(0);
        let (hangs, garbled, dead) = (Upstream::http1().await?, Upstream::http1().await?, Refusing::new()?);
        hangs.respond_with(|_| Reply::hang());
        garbled.respond_with(|_| Reply::garbled());
        let mut primaries = Vec::new();
        for http2 in [false, false, true, true] {
            primaries.push(answers.primary(http2).await?);
        }
        let mut bootstrap = Bootstrap::shipped()
            .concurrency(workers)
            .log_level("warning")
            .plugin(MIRRORS)
            .max_headers(300)
            .edit_listener(let_trailers_through)
            .cluster("works", works.addr())
            .cluster("control", works.addr())
            .cluster("hangs", hangs.addr())
            .cluster("garbled", garbled.addr())
            .cluster("dead", dead.addr())
            .extra_listener("two", MIRRORS)
            .unfiltered_listener("one-plain", &[])
            .unfiltered_listener("two-plain", &[]);
        if let Some(module) = module {
            bootstrap = bootstrap.module(module).unrestricted();
        }
        for (listener, primary) in LISTENERS.into_iter().zip(&primaries) {
            let cluster = format!("for-{listener}");
            let http2 = listener.starts_with("two");
            bootstrap = match http2 {
                true => bootstrap.cluster_http2(&cluster, primary.addr()),
                false => bootstrap.cluster(&cluster, primary.addr()),
            };
            bootstrap = bootstrap.edit_cluster(&cluster, |cluster| primary_cluster(cluster, http2));
            bootstrap = route_to(bootstrap, listener, &cluster);
        }
        let envoy = Envoy::start(bootstrap).await?;
        let mut sides = LISTENERS
            .into_iter()
            .zip(primaries)
            .map(|(listener, primary)| Side { address: envoy.address_of(listener), primary });
        let mut next = || sides.next().ok_or_else(|| anyhow::anyhow!("a listener is missing"));
        let sides = [[next()?, next()?], [next()?, next()?]];
        Ok(Self { envoy, works, workers, sides, answers, _bad: (hangs, garbled, dead) })
    }

    /// With the filter, and without.
    pub fn sides(&self, http2_upstream: bool) -> &[Side; 2] {
        let [one, two] = &self.sides;
        if http2_upstream { two } else { one }
    }

    pub fn expect(&self, id: u64, answer: &Answer) {
        self.answers.lock().insert(id, answer.clone());
    }

    pub fn forget(&self, id: u64) {
        self.answers.lock().remove(&id);
    }
}

/// In the order of [`Rig::sides`].
const LISTENERS: [&str; 4] = [INGRESS, "one-plain", "two", "two-plain"];

impl Answers {
    async fn primary(&self, http2: bool) -> Result<Upstream> {
        let primary = if http2 { Upstream::http2().await? } else { Upstream::http1().await? };
        primary.keep(KEPT);
        let answers = self.clone();
        primary.respond_with(move |request| {
            answers.of(request).map_or_else(|| Reply::status(200), |answer| answer.reply(http2))
        });
        let answers = self.clone();
        primary.respond_early_with(move |head| {
            answers.of(head).filter(|answer| answer.end == AnswerEnd::Early).map(|answer| answer.reply(http2))
        });
        Ok(primary)
    }

    fn of(&self, request: &Recorded) -> Option<Answer> {
        let id = std::str::from_utf8(request.header_bytes(ID)?).ok()?.parse().ok()?;
        self.lock().get(&id).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn let_trailers_through(listener: &mut Value) {
    let manager = manager(listener);
    manager["http_protocol_options"] = yaml("enable_trailers: true");
    // Many exchanges end with their connection, which Envoy keeps for a second otherwise.
    manager["delayed_close_timeout"] = "0.1s".into();
    // Far below the largest body: Envoy has to push back all the time.
    listener["per_connection_buffer_limit_bytes"] = 16_384.into();
}

fn primary_cluster(cluster: &mut Value, http2: bool) {
    if !http2 {
        cluster["typed_extension_protocol_options"] = yaml(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n  \
               '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n  \
               explicit_http_config: {http_protocol_options: {enable_trailers: true}}\n",
        );
    }
    cluster["per_connection_buffer_limit_bytes"] = 16_384.into();
}
