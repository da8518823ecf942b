// SPDX-License-Identifier: Apache-2.0
//! The core at work, without a host: where a change makes it slower, this says so in seconds. What a request costs Envoy
//! is mostly the host's work, which `cargo load` measures.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use shadow_filter::admission::Occasion;
use shadow_filter::compare::{BodyRule, Observed, Rules};
use shadow_filter::config::Config;
use shadow_filter::http::{Head, Refusal};
use shadow_filter::mirror::{Request, Worker};
use shadow_filter::transform::{Outgoing, Rewritten};

criterion_group!(benches, decide, judge, requests, copies, redaction, comparison, configuration);
criterion_main!(benches);

/// Every copy is refused here, which would open the breaker.
const EVERYTHING: &str = r#"{"mirrors": [{"cluster": "shadow", "breaker": "off"}]}"#;
const EDITS: &str = r#"{"mirrors": [{"cluster": "shadow", "breaker": "off", "headers": {
    "remove": ["authorization", "cookie", "x-internal-*"],
    "set": {"x-version": "v2", "accept-language": "en"},
    "add": {"x-copied-by": "bench"}}}]}"#;
/// Header counts of a small, a usual and a large request.
const HEADERS: [usize; 3] = [12, 50, 100];
/// Sizes of JSON bodies.
const BODIES: [usize; 2] = [4096, 61_440];

/// What every request pays, copied or not.
fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for percentage in [0, 1, 100] {
        let config = format!(r#"{{"mirrors": [{{"cluster": "shadow", "percentage": {percentage}}}]}}"#);
        let mut worker = worker(&config);
        group.bench_function(BenchmarkId::from_parameter(percentage), |bencher| {
            bencher.iter(|| black_box(worker.draw()));
        });
    }
    group.finish();
}

/// What a request pays for conditions and a sticky sample that do not want it.
fn judge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge");
    for (name, rule) in [
        ("method", r#""match": [{"methods": ["POST"]}]"#),
        ("prefix", r#""match": [{"path": {"prefix": "/orders/"}}]"#),
        ("regex", r#""match": [{"path": {"regex": "/(orders|carts)/[0-9]+"}}]"#),
        ("cookie", r#""percentage": 0.0001, "sample_by": {"cookie": "session"}"#),
    ] {
        let mut worker = worker(&format!(r#"{{"mirrors": [{{"cluster": "shadow", {rule}}}]}}"#));
        let block = block(12);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || block.clone(),
                |block| one_request(&mut worker, block),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// A JSON body with some values replaced.
fn redaction(criterion: &mut Criterion) {
    let config = r#"{"mirrors": [{"cluster": "shadow", "redact": {"json": ["/items/*/name", "/total"]}}]}"#;
    let worker = worker(config);
    let Some(mirror) = worker.policy().mirrors.first() else { return };
    let mut headers = 1u32.to_le_bytes().to_vec();
    headers.extend([12u32, 16].map(u32::to_le_bytes).concat());
    headers.extend(b"content-type\0application/json\0");
    let head = Head::from_block(headers).unwrap_or_default();
    let mut group = criterion.benchmark_group("redact");
    for size in BODIES {
        let body = json(size, ": ");
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| mirror.transform.redact.body(&head, black_box(&body), 1 << 20));
        });
    }
    group.finish();
}

/// Two answers with equal JSON in another spelling, and in the same.
fn comparison(criterion: &mut Criterion) {
    let rules = Rules { body: BodyRule::Json, ..Rules::default() };
    let answer = |body| Observed { status: 200, grpc: None, headers: Head::default(), body: Some(body) };
    for (name, colon) in [("compare-same", ": "), ("compare-respelled", " :")] {
        let mut group = criterion.benchmark_group(name);
        for size in BODIES {
            let (primary, shadow) = (answer(json(size, ": ")), answer(json(size, colon)));
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                bencher.iter(|| black_box(rules.compare(&primary, &shadow)));
            });
        }
        group.finish();
    }
}

/// A list of items, of about this size.
fn json(size: usize, colon: &str) -> Vec<u8> {
    let item = |id: usize| format!(r#"{{"id"{colon}{id},"name"{colon}"lamp \u00e9","price"{colon}29.50}}"#);
    let items: Vec<_> = (0..size / item(10).len()).map(item).collect();
    format!(r#"{{"items"{colon}[{}],"total"{colon}{size}}}"#, items.join(",")).into_bytes()
}

/// From the header block to a copy in the outbox, and its refusal by the host.
fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    for count in HEADERS {
        let mut worker = worker(EVERYTHING);
        let block = block(count);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_batched(
                || block.clone(),
                |block| one_request(&mut worker, block),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn one_request(worker: &mut Worker, block: Vec<u8>) {
    let wanted = worker.draw();
    let head = Head::from_block(block).unwrap_or_default();
    let mut request = Request::begin(wanted, head, worker);
    lease_for(&request);
    black_box(request.end(Duration::ZERO, worker));
    while let Some(copy) = worker.next_copy() {
        worker.dispatched(copy, Err(Refusal::Rejected), Duration::ZERO);
    }
}

/// What the shell does before copies are made; the pool has enough for all.
fn lease_for(request: &Request) {
    for (mirror, target) in request.short(Duration::ZERO) {
        if let Some(proposal) = mirror.gate.propose(&[], Occasion::Copy { target }, Duration::ZERO) {
            mirror.gate.accept(proposal, Duration::ZERO);
        }
    }
}

/// The headers that the shadow will see.
fn copies(criterion: &mut Criterion) {
    for (name, config) in [("copy", EVERYTHING), ("copy-edited", EDITS)] {
        let worker = worker(config);
        let mut group = criterion.benchmark_group(name);
        for count in HEADERS {
            let head = Head::from_block(block(count)).unwrap_or_default();
            let Some(mirror) = worker.policy().mirrors.first() else { continue };
            let transform = &mirror.transform;
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| {
                    let rewritten = Rewritten::of(&head, transform);
                    Outgoing::build(black_box(&head), transform, &rewritten, 0).headers().count()
                });
            });
        }
        group.finish();
    }
}

fn configuration(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("config");
    for (name, config) in [("smallest", EVERYTHING), ("edits", EDITS)] {
        group.bench_function(name, |bencher| bencher.iter(|| Config::parse(black_box(config.as_bytes()))));
    }
    group.finish();
}

fn worker(config: &str) -> Worker {
    match Config::parse(config.as_bytes()) {
        Ok(config) => Worker::new(config, 1),
        Err(faults) => {
            eprintln!("the benchmark's own configuration is invalid: {faults:?}");
            std::process::exit(1);
        }
    }
}

/// A browser's GET with so many headers, pseudo-headers included, as the host serializes it.
fn block(count: usize) -> Vec<u8> {
    let browser = [
        (":authority", "shop.example"),
        (":path", "/search?q=lamp&page=3"),
        (":method", "GET"),
        (":scheme", "https"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-GB,en;q=0.8,de;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("cookie", "session=4f1c8a9be27d4c6f9a0e5b7d; consent=all; theme=dark"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "6b0c7d52-3a0e-4b53-8f6f-2a9c0d1e7f11"),
        ("x-envoy-expected-rq-timeout-ms", "15000"),
    ];
    let browser = browser.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let more = (browser.len()..).map(|n| (format!("x-detail-{n:03}"), "0123456789abcdef".to_owned()));
    let headers: Vec<(String, String)> = browser.into_iter().chain(more).take(count).collect();

    let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    let mut block = size(headers.len()).to_vec();
    for (name, value) in &headers {
        block.extend(size(name.len()));
        block.extend(size(value.len()));
    }
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        block.extend(text.as_bytes());
        block.push(0);
    }
    block
}
