// SPDX-License-Identifier: Apache-2.0
//! What a copy looks like next to the primary's request.

use serde_json::{Value, json};

use crate::sim::{Callout, Request, Sim};

fn copy_for(mirror: Value, request: impl FnOnce(Request) -> Request) -> Callout {
    let mut sim = Sim::with_config(json!({"mirrors": [mirror]}));
    request(sim.request()).send();
    sim.tick();
    sim.only_callout()
}

fn copy(request: impl FnOnce(Request) -> Request) -> Callout {
    copy_for(json!({"cluster": "shadow"}), request)
}

impl Callout {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.headers.iter().filter(|(key, _)| key == name.as_bytes());
        named.map(|(_, value)| value.as_slice()).collect()
    }

    fn value(&self, name: &str) -> &str {
        let values = self.values(name);
        assert_eq!(values.len(), 1, "{name}: {values:?}");
        std::str::from_utf8(values[0]).expect("text")
    }

    fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| std::str::from_utf8(name).expect("text")).collect()
    }
}

#[test]
fn has_method_path_query_headers_and_body_of_the_request() {
    let copy = copy(|request| {
        request.method("POST").path("/a/b?c=d&e").header("x-a", "1").header("cookie", "k=v").body("hello")
    });
    assert_eq!(copy.cluster, "shadow");
    assert_eq!(copy.value(":method"), "POST");
    assert_eq!(copy.value(":path"), "/a/b?c=d&e");
    assert_eq!(copy.value(":scheme"), "http");
    assert_eq!(copy.value(":authority"), "svc.test-shadow");
    assert_eq!(copy.value("x-a"), "1");
    assert_eq!(copy.value("cookie"), "k=v");
    assert_eq!(copy.body, b"hello");
}

#[test]
fn carries_the_mirrors_name_once() {
    let copy = copy_for(json!({"cluster": "c", "name": "v2"}), |request| request);
    assert_eq!(copy.value("x-shadow-mirror"), "v2");
}

#[test]
fn keeps_order_duplicates_and_bytes_that_are_not_text() {
    let odd: Vec<u8> = (0x80..=0xff).collect();
    let copy = copy(|request| {
        request.header("x-b", "2").header("x-a", &odd).header("x-b", "1").header("x-b", "2").header("x-c", "")
    });
    assert_eq!(copy.values("x-a"), [odd]);
    assert_eq!(copy.values("x-b"), [b"2", b"1", b"2"]);
    assert_eq!(copy.values("x-c"), [b""]);
    let names = copy.names();
    let own: Vec<_> = names.iter().filter(|name| name.len() == 3).collect();
    assert_eq!(own, [&"x-b", &"x-a", &"x-b", &"x-b", &"x-c"]);
}

#[test]
fn keeps_a_path_that_is_not_text() {
    let copy = copy(|request| request.path(b"/\xff?\x80"));
    assert_eq!(copy.values(":path"), [b"/\xff?\x80"]);
}

#[test]
fn leaves_out_what_belongs_to_the_hop_or_steers_the_router() {
    let copy = copy(|request| {
        request
            .header("host", "svc.test")
            .header("connection", "X-Hop, keep-alive")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=5")
            .header("proxy-connection", "keep-alive")
            .header("te", "gzip")
            .header("transfer-encoding", "chunked")
            .header("upgrade", "h2c")
            .header("expect", "100-continue")
            .header("x-envoy-upstream-rq-timeout-ms", "200")
            .header("x-envoy-retry-on", "5xx")
            .header("x-envoyage", "stays")
    });
    let expected = [":authority", ":path", ":method", ":scheme", "x-envoyage", "x-shadow-mirror"];
    assert_eq!(copy.names(), expected);
}

#[test]
fn keeps_te_where_it_says_trailers() {
    assert_eq!(copy(|request| request.header("te", "trailers")).value("te"), "trailers");
    let copy = copy(|request| request.header("te", "trailers, gzip"));
    assert_eq!(copy.values("te"), [] as [&[u8]; 0]);
}

#[test]
fn connection_cannot_take_pseudo_headers_away() {
    let copy = copy(|request| request.header("connection", ":path, :method, x-a").header("x-a", "1"));
    assert_eq!(copy.names(), [":authority", ":path", ":method", ":scheme", "x-shadow-mirror"]);
}

#[test]
fn keeps_a_content_length_only_if_it_is_that_of_the_copied_body() {
    let length = |mirror, value: &str, body: &str| -> Option<String> {
        let copy = copy_for(mirror, |request| {
            let request = request.method("POST").header("content-length", value);
            if body.is_empty() { request } else { request.body(body) }
        });
        copy.values("content-length").first().map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let full = || json!({"cluster": "c"});
    let none = || json!({"cluster": "c", "body": {"mode": "none"}});
    assert_eq!(length(full(), "5", "hello"), Some("5".into()));
    assert_eq!(length(full(), "6", "hello"), None);
    assert_eq!(length(full(), "x", "hello"), None);
    assert_eq!(length(full(), "0", ""), Some("0".into()));
    assert_eq!(length(none(), "5", "hello"), None);
    assert_eq!(length(none(), "0", ""), Some("0".into()));
}

#[test]
fn edits_headers_in_the_order_remove_set_add() {
    let mirror = json!({"cluster": "c", "headers": {
        "remove": ["Authorization", "x-internal-*"],
        "set": {"X-Env": "shadow", "authorization": "none"},
        "add": {"x-tag": "new", "x-internal-b": "kept"},
    }});
    let copy = copy_for(mirror, |request| {
        request
            .header("authorization", "secret")
            .header("x-internal-a", "1")
            .header("x-internal-b", "2")
            .header("x-env", "prod")
            .header("x-env", "eu")
            .header("x-tag", "old")
    });
    assert_eq!(copy.values("authorization"), [b"none"]);
    assert_eq!(copy.values("x-internal-a"), [] as [&[u8]; 0]);
    assert_eq!(copy.values("x-internal-b"), [b"kept"]);
    assert_eq!(copy.values("x-env"), [b"shadow"]);
    assert_eq!(copy.values("x-tag"), [b"old", b"new"]);
}

#[test]
fn removing_everything_leaves_what_a_call_needs() {
    let copy = copy_for(json!({"cluster": "c", "headers": {"remove": ["*"]}}), |request| {
        request.header("a", "1").header("x-b", "2")
    });
    assert_eq!(copy.names(), [":authority", ":path", ":method", ":scheme", "x-shadow-mirror"]);
}

#[test]
fn goes_under_the_authority_that_the_mirror_says() {
    let authority = |setting: Option<Value>, of: &str| {
        let mut mirror = json!({"cluster": "c"});
        if let Some(setting) = setting {
            mirror["authority"] = setting;
        }
        copy_for(mirror, |request| request.authority(of)).value(":authority").to_owned()
    };
    assert_eq!(authority(None, "a.b:80"), "a.b-shadow:80");
    assert_eq!(authority(None, "[::1]:80"), "[::1]-shadow:80");
    assert_eq!(authority(None, "[::1]"), "[::1]-shadow");
    assert_eq!(authority(Some(json!({"suffix": ".v2"})), "a.b"), "a.b.v2");
    assert_eq!(authority(Some(json!({"literal": "v2.test:81"})), "a.b:80"), "v2.test:81");
    assert_eq!(authority(Some(json!("keep")), "a.b:80"), "a.b:80");
}

#[test]
fn waits_as_long_as_the_mirror_says() {
    for (timeout, millis) in [("250ms", 250), ("5s", 5000), ("2m", 120_000), ("1h", 3_600_000)] {
        let copy = copy_for(json!({"cluster": "c", "timeout": timeout}), |request| request);
        assert_eq!(copy.timeout.as_millis(), millis);
    }
    assert_eq!(copy(|request| request).timeout.as_millis(), 5000);
}

#[test]
fn of_a_grpc_request_is_sent_when_the_request_is_complete() {
    let mut sim = Sim::with_config(json!({"mirrors": [{"cluster": "shadow"}]}));
    let stream = sim
        .request()
        .method("POST")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .headers_only();
    stream.chunk(b"\0\0\0\0\x01a");
    sim.tick();
    assert!(sim.callouts().is_empty());
    stream.chunk(b"\0\0\0\0\x01b");
    stream.end();
    sim.tick();
    let copy = sim.only_callout();
    assert_eq!(copy.body, b"\0\0\0\0\x01a\0\0\0\0\x01b");
    assert_eq!(copy.value("te"), "trailers");
}
