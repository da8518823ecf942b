// SPDX-License-Identifier: Apache-2.0
//! The table of all faults.

use std::time::Duration;

use harness::upstream::Reply;

use super::Kind::{Clients, Envoy};
use super::{Change, Crowd, Fault, Kind, Primary, Shadow};

const MIB: u64 = 1 << 20;
/// As good as endless: 1 TiB.
const ENDLESS: u64 = MIB << 20;
const GIB: u64 = MIB << 10;

const fn fault(name: &'static str, kind: Kind) -> Fault {
    Fault { name, kind }
}

const fn http1(name: &'static str, reply: fn() -> Reply) -> Fault {
    fault(name, Kind::Shadow(Shadow::Http1(reply)))
}

const fn http2(name: &'static str, reply: fn() -> Reply) -> Fault {
    fault(name, Kind::Shadow(Shadow::Http2(reply)))
}

const fn shadow(name: &'static str, shadow: Shadow) -> Fault {
    fault(name, Kind::Shadow(shadow))
}

const fn primary(name: &'static str, every: u64, reply: fn() -> Reply) -> Fault {
    fault(name, Kind::Primary(Primary::Replies { every, reply }))
}

fn body() -> Reply {
    Reply::status(200).body_of_size(20_000)
}

fn drip() -> Reply {
    Reply::status(200).body_of_size(1_000).drip(1, Duration::from_millis(20))
}

fn many_headers() -> Reply {
    (0..2_000).fold(Reply::status(200), |reply, number| reply.header(format!("x-{number}"), "value"))
}

pub static ALL: [Fault; 53] = [
    shadow("shadow-refuses", Shadow::Refuses),
    shadow("shadow-black-hole", Shadow::BlackHole),
    shadow("shadow-full-backlog", Shadow::FullBacklog),
    shadow("shadow-no-tls", Shadow::NoTls),
    shadow("shadow-dns-gone", Shadow::DnsGone),
    shadow("shadow-half-dead", Shadow::HalfDead),
    shadow("shadow-no-endpoints", Shadow::NoEndpoints),
    shadow("shadow-missing", Shadow::Missing),
    http1("shadow-hangs", Reply::hang),
    http1("shadow-slow", || Reply::status(200).delay(Duration::from_millis(300))),
    http1("shadow-resets", Reply::reset),
    http1("shadow-closes", Reply::close),
    http1("shadow-resets-in-body", || body().reset_after(100)),
    http1("shadow-closes-in-body", || body().chunked().close_after(100)),
    http1("shadow-stalls-in-body", || body().stall_after(100)),
    http1("shadow-garbage", Reply::garbled),
    http1("shadow-half-a-head", || Reply::raw("HTTP/1.1 200 OK\r\nx-half: ")),
    http1("shadow-many-headers", many_headers),
    http1("shadow-drips", drip),
    http1("shadow-endless", || Reply::status(200).body_of_size(ENDLESS).chunked()),
    http1("shadow-gibibyte", || Reply::status(200).body_of_size(GIB)),
    http1("shadow-5xx", || Reply::status(503).body("no")),
    http1("shadow-last-of-connection", || body().connection_close()),
    http2("shadow-goaway", || Reply::goaway(0)),
    http2("shadow-rst-storm", || Reply::reset_stream(8)),
    http2("shadow-refused-streams", Reply::refused_stream),
    http2("shadow-rst-in-body", || body().reset_stream_after(100, 2)),
    http2("shadow-garbage-http2", Reply::garbled),
    fault("primary-refuses", Kind::Primary(Primary::Refuses)),
    primary("primary-resets", 5, Reply::reset),
    primary("primary-closes", 5, Reply::close),
    primary("primary-resets-in-body", 5, || body().reset_after(100)),
    primary("primary-garbage", 5, Reply::garbled),
    primary("primary-hangs", 25, Reply::hang),
    primary("primary-drips", 25, || Reply::status(200).body_of_size(20).drip(1, Duration::from_millis(10))),
    primary("primary-large", 25, || Reply::huge(2)),
    primary("primary-5xx", 2, || Reply::status(500).body("wrong")),
    fault("envoy-configuration-flips", Envoy(Change::Configuration)),
    fault("envoy-filter-removed", Envoy(Change::FilterRemoved)),
    fault("envoy-module-replaced", Envoy(Change::Module)),
    fault("envoy-cluster-removed", Envoy(Change::ClusterRemoved)),
    fault("envoy-endpoints-gone", Envoy(Change::EndpointsGone)),
    fault("envoy-drains", Envoy(Change::Drain)),
    fault("envoy-overload", Envoy(Change::Overload)),
    fault("envoy-reset-counters", Envoy(Change::ResetCounters)),
    fault("envoy-trace-log", Envoy(Change::TraceLog)),
    fault("envoy-hot-restart", Envoy(Change::HotRestart)),
    fault("envoy-clock-jumps", Envoy(Change::Clock)),
    fault("clients-leave-in-body", Clients(Crowd::LeaveInBody)),
    fault("clients-leave-before-answer", Clients(Crowd::LeaveBeforeAnswer)),
    fault("clients-stall", Clients(Crowd::Stall)),
    fault("clients-thousand-at-once", Clients(Crowd::ThousandAtOnce)),
    fault("clients-read-slowly", Clients(Crowd::ReadSlowly)),
];
