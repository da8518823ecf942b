// SPDX-License-Identifier: Apache-2.0
//! gRPC as tonic speaks it, between a tonic client and two tonic servers: each kind of call is answered by the primary and
//! served again by the shadow. And what counts as an answer of a gRPC shadow.

mod echo;
mod failures;

use std::pin::pin;

use anyhow::{Context, Result, bail, ensure};
use harness::recording::PATIENCE;
use harness::{Bootstrap, Envoy};
use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Streaming};
use tonic_prost::ProstCodec;

use self::echo::{Call, Echo};
use crate::bench::EVERYTHING;

const PROTOCOL: &str = "typed_extension_protocol_options";

/// An Envoy between tonic servers.
struct Bench {
    envoy: Envoy,
    primary: Echo,
    shadow: Echo,
    client: Grpc<Channel>,
}

impl Bench {
    async fn start() -> Result<Self> {
        Self::with(EVERYTHING).await
    }

    async fn with(plugin: &str) -> Result<Self> {
        let (primary, shadow) = (Echo::start("primary").await?, Echo::start("shadow").await?);
        let mut http2 = None;
        let bootstrap = Bootstrap::shipped_http2()
            .primary(primary.address())
            .shadow(shadow.address())
            .plugin(plugin)
            .edit_cluster("shadow", |cluster| http2 = cluster.get(PROTOCOL).cloned())
            .edit_cluster("primary", |cluster| cluster[PROTOCOL] = http2.unwrap());
        let envoy = Envoy::start(bootstrap).await?;
        let channel = Endpoint::from_shared(format!("http://{}", envoy.address()))?.connect().await?;
        Ok(Self { envoy, primary, shadow, client: Grpc::new(channel) })
    }

    /// Makes one call with these messages and collects its answer.
    async fn call(&mut self, path: &'static str, messages: &[&str]) -> Result<Vec<String>> {
        let messages: Vec<String> = messages.iter().map(|message| (*message).to_owned()).collect();
        let call = async {
            let answer = self.open(path, tokio_stream::iter(messages)).await?;
            answer.collect::<Result<_, _>>().await
        };
        Ok(timeout(PATIENCE, call).await.with_context(|| format!("{path} has no end"))??)
    }

    async fn open(
        &mut self,
        path: &'static str,
        messages: impl Stream<Item = String> + Send + 'static,
    ) -> Result<Streaming<String>, tonic::Status> {
        let mut request = Request::new(messages);
        request.metadata_mut().insert("x-kept", "yes".parse().unwrap());
        let bytes = tonic::metadata::MetadataValue::from_bytes(b"\x00\xff");
        request.metadata_mut().insert_bin("x-kept-bin", bytes);
        self.client.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(path);
        Ok(self.client.streaming(request, path, ProstCodec::default()).await?.into_inner())
    }
}

/// A copy is the call that the primary had, but for what marks it.
fn same(primary: &Call, shadow: &Call) -> Result<()> {
    ensure!(primary.path == shadow.path, "{shadow:?}");
    ensure!(primary.messages == shadow.messages, "{shadow:?}");
    for name in ["x-kept", "x-kept-bin", "te", "content-type", "user-agent"] {
        let (ours, theirs) = (shadow.headers.get(name), primary.headers.get(name));
        ensure!(ours == theirs && ours.is_some(), "{name}: {ours:?} for {theirs:?}");
    }
    let marker = |call: &Call| call.headers.get("x-shadow-mirror").cloned();
    ensure!(marker(shadow).is_some_and(|value| value == "shadow"), "{shadow:?}");
    ensure!(marker(primary).is_none(), "{primary:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_call_is_served_again_by_the_shadow() -> Result<()> {
    let mut bench = Bench::start().await?;
    let many: Vec<String> = (0..200).map(|index| index.to_string().repeat(100)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    // On the wire a unary call is a stream of one message in each direction.
    for (path, messages) in [
        ("/echo.Echo/Unary", &["one"][..]),
        ("/echo.Echo/Empty", &[]),
        ("/echo.Echo/ClientStreaming", &many),
        ("/echo.Echo/ServerStreaming", &["ten"]),
    ] {
        let answer = bench.call(path, messages).await.with_context(|| path.to_owned())?;
        ensure!(answer == echo::answer("primary", path, messages), "{path}: {answer:?}");
        let (primary, shadow) = (bench.primary.called().await?, bench.shadow.called().await?);
        ensure!(shadow.messages == messages, "{shadow:?}");
        same(&primary, &shadow)?;
    }
    let stats = bench.envoy.settled().await?;
    stats.check_equations()?;
    let answers = stats.counter("shadow_responses_total", &[("side", "shadow"), ("class", "2xx")]);
    ensure!(answers == 4, "{stats}");
    bench.envoy.no_traps()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_copied_at_the_primarys_end_with_its_status() -> Result<()> {
    let plugin =
        r#"{"mirrors": [{"name": "shadow", "cluster": "shadow", "send": "primary_end", "compare": {}}]}"#;
    let mut bench = Bench::with(plugin).await?;
    for (path, messages) in
        [("/echo.Echo/Unary", &["one"][..]), ("/echo.Echo/ClientStreaming", &["one", "two", "three"])]
    {
        let answer = bench.call(path, messages).await.with_context(|| path.to_owned())?;
        ensure!(answer == echo::answer("primary", path, messages), "{path}: {answer:?}");
        same(&bench.primary.called().await?, &bench.shadow.called().await?)?;
    }
    bench.primary.fail_with(Code::FailedPrecondition);
    ensure!(bench.call("/echo.Echo/Failing", &["one"]).await.is_err());
    same(&bench.primary.called().await?, &bench.shadow.called().await?)?;
    let stats = bench.envoy.settled().await?;
    stats.check_equations()?;
    let answers =
        |side, status| stats.counter("shadow_grpc_responses_total", &[("side", side), ("status", status)]);
    ensure!((answers("primary", "OK"), answers("primary", "FAILED_PRECONDITION")) == (2, 1), "{stats}");
    ensure!(answers("shadow", "OK") == 3, "{stats}");
    bench.envoy.no_traps()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dialogue_is_not_held_up_and_is_copied_at_its_end() -> Result<()> {
    let mut bench = Bench::start().await?;
    let (say, said) = mpsc::unbounded_channel();
    say.send("first".to_owned())?;
    let answers = bench.open("/echo.Echo/Dialogue", UnboundedReceiverStream::new(said));
    let answers = timeout(PATIENCE, answers).await.context("the primary's answer does not begin")??;
    let mut answers = pin!(answers.timeout(PATIENCE));
    for word in ["second", "third"] {
        let answer = answers.next().await.context("no answer")?.context("the dialogue is held up")??;
        ensure!(answer.starts_with("primary"), "{answer}");
        ensure!(bench.shadow.calls().is_empty(), "a copy of half a dialogue");
        say.send(word.to_owned())?;
    }
    drop(say);
    while let Some(answer) = answers.next().await {
        answer.context("the dialogue has no end")??;
    }
    let (primary, shadow) = (bench.primary.called().await?, bench.shadow.called().await?);
    ensure!(shadow.messages == ["first", "second", "third"], "{shadow:?}");
    same(&primary, &shadow)?;
    let stats = bench.envoy.settled().await?;
    stats.check_equations()?;
    bench.envoy.no_traps()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_gets_the_primarys_error_and_its_trailers_whatever_the_shadow_says() -> Result<()> {
    let mut bench = Bench::start().await?;
    bench.primary.fail_with(Code::FailedPrecondition);
    bench.shadow.fail_with(Code::Unavailable);
    // With answers before the trailers, and with trailers alone.
    for messages in [&["one", "two"][..], &[]] {
        let Err(error) = bench.call("/echo.Echo/Failing", messages).await else {
            bail!("the primary's error was lost");
        };
        let status = error.downcast_ref::<tonic::Status>().context("no status")?;
        ensure!(status.code() == Code::FailedPrecondition, "{status}");
        ensure!(status.message() == "primary fails", "{status}");
        ensure!(status.metadata().get("x-trailer").is_some_and(|value| value == "primary"), "{status:?}");
        same(&bench.primary.called().await?, &bench.shadow.called().await?)?;
    }
    let stats = bench.envoy.settled().await?;
    stats.check_equations()?;
    ensure!(stats.failed("shadow").is_empty(), "an error that the shadow answers is an answer:\n{stats}");
    let answers = stats.counter("shadow_responses_total", &[("side", "shadow")]);
    ensure!(answers == 2, "{stats}");
    bench.envoy.no_traps()
}
