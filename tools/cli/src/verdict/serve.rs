// SPDX-License-Identifier: Apache-2.0
//! The page on a port, made anew every few seconds.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::failure::{Failure, Kind};
use super::options::Options;
use super::report::Report;
use super::source::Live;
use super::thresholds::Thresholds;
use super::{page, report_of};
use crate::output;

/// Between two pages; a browser asks as often.
const REFRESH: Duration = Duration::from_secs(5);
/// How long a client may take for the head of its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is served.
struct Shown {
    report: Report,
    /// Why it is not newer.
    trouble: Option<String>,
}

/// An address, or a port of the loopback.
pub fn address(text: &str) -> Result<SocketAddr, Error> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let text = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| anyhow!("expected a port, or an address such as 127.0.0.1:8080"))
}

/// Serves until the process ends.
pub fn run(options: &Options, limits: &Thresholds, at: SocketAddr) -> Result<(), Failure> {
    if options.log.iter().any(|log| log.as_os_str() == "-") {
        return Err(
            Kind::Usage.of(anyhow!("--log -: with --serve logs are read again and again, so name files"))
        );
    }
    let mut live = Live::new(options)?;
    let first = report_of(options, &live.observe()?, limits)?;
    let shown = Arc::new(RwLock::new(Shown { report: first, trouble: None }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("--serve").map_err(|error| Kind::File.of(error))?;
    let bound = runtime.block_on(TcpListener::bind(at)).with_context(|| format!("--serve {at}"));
    let listener = bound.map_err(|error| Kind::Unreachable.of(error))?;
    let at = listener.local_addr().map_err(|error| Kind::Unreachable.of(error))?;
    output::print(format!(
        "The verdict is at http://{at}/ and as JSON at http://{at}/json. Ctrl-C ends it.\n"
    ));
    if !at.ip().is_loopback() {
        eprintln!("Anyone who reaches {at} can read it.");
    }
    thread::scope(|scope| {
        scope.spawn(|| renew(options, limits, live, &shown));
        runtime.block_on(accept(listener, at.ip(), shown.clone()))
    })
}

fn renew(options: &Options, limits: &Thresholds, mut live: Live, shown: &RwLock<Shown>) {
    loop {
        thread::sleep(REFRESH);
        let report = live.observe().and_then(|observed| report_of(options, &observed, limits));
        let mut shown = shown.write().unwrap_or_else(PoisonError::into_inner);
        match report {
            Ok(report) => *shown = Shown { report, trouble: None },
            Err(failure) => shown.trouble = Some(format!("{:#}", failure.error)),
        }
    }
}

async fn accept(listener: TcpListener, at: IpAddr, shown: Arc<RwLock<Shown>>) -> Result<(), Failure> {
    loop {
        // What accept reports is the failure of one connection.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shown = shown.clone();
        let service = service_fn(move |request| {
            let response = respond(&request, at, &shown);
            async { Ok::<_, Infallible>(response) }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
    }
}

fn respond(request: &Request<Incoming>, at: IpAddr, shown: &RwLock<Shown>) -> Response<Full<Bytes>> {
    const HTML: &str = "text/html; charset=utf-8";
    let plain = |status: StatusCode, words: &str| response(status, "text/plain", format!("{words}\n"));
    if at.is_loopback() && !is_local(request) {
        // A page of somebody else's, whose name was made to lead here.
        return plain(StatusCode::FORBIDDEN, "this is served under an address, and not under a name");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "GET");
    }
    let shown = shown.read().unwrap_or_else(PoisonError::into_inner);
    match request.uri().path() {
        "/" => {
            let words = shown.trouble.as_ref().map(|trouble| {
                format!("This is of {}. It cannot be read anew: {trouble}", shown.report.made_at)
            });
            response(StatusCode::OK, HTML, page::draw_below(words.as_deref(), &shown.report))
        }
        "/json" => response(StatusCode::OK, "application/json", format!("{:#}\n", shown.report.json())),
        _ => plain(StatusCode::NOT_FOUND, "there are / and /json"),
    }
}

fn is_local(request: &Request<Incoming>) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let refresh = REFRESH.as_secs().into();
    for (name, value) in [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFRESH, refresh),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
        ),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_of_the_loopback() {
        for (text, expected) in [
            ("8080", Some("127.0.0.1:8080")),
            ("localhost:1", Some("127.0.0.1:1")),
            ("0.0.0.0:1", Some("0.0.0.0:1")),
            ("[::1]:1", Some("[::1]:1")),
            ("here", None),
            ("99999", None),
        ] {
            assert_eq!(address(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
    }
}
