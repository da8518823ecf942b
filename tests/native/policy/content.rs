// SPDX-License-Identifier: Apache-2.0
//! What a copy contains: `path` and `redact`.

use serde_json::{Value, json};

use crate::sim::{Answer, Request, Sim};

fn sim(keys: Value) -> Sim {
    let mut mirror = keys;
    mirror["cluster"] = "c".into();
    mirror["name"] = "m".into();
    Sim::with_config(json!({"mirrors": [mirror, {"cluster": "plain"}]}))
}

fn post(sim: &Sim, content_type: &str, body: &str) -> Request {
    sim.request().method("POST").header("content-type", content_type).body(body)
}

#[test]
fn a_path_gets_another_beginning_for_one_mirror_alone() {
    let mut sim = sim(json!({"path": {"prefix": "/api", "replacement": "/v2/api"}}));
    sim.request().path("/api/a?b=/api").send();
    sim.request().path(b"/other\xff").send();
    sim.tick();
    let copies = sim.callouts();
    let paths = |cluster| {
        let own = copies.iter().filter(|copy| copy.cluster == cluster);
        own.map(|copy| copy.headers.iter().find(|(name, _)| name == b":path").unwrap().1.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(paths("c"), [&b"/v2/api/a?b=/api"[..], b"/other\xff"]);
    assert_eq!(paths("plain"), [&b"/api/a?b=/api"[..], b"/other\xff"]);
}

#[test]
fn what_is_redacted_is_nowhere_in_the_copy() {
    let mut sim = sim(json!({"redact": {
        "headers": ["Authorization", "x-key"], "query": ["token"], "json": ["/user/email", "/cards/*/number"],
        "replacement": "gone!",
    }}));
    post(
        &sim,
        "application/json",
        r#"{"user": {"email": "S3CRET", "id": 1.0}, "cards": [{"number": "S3CRET"}]}"#,
    )
    .path("/p?token=S3CRET&a=1&tok%65n=S3CRET")
    .header("authorization", "S3CRET")
    .header("x-key", "S3CRET")
    .header("x-key", "S3CRET2")
    .header("content-length", "73")
    .send();
    sim.tick();
    let copies = sim.callouts();
    let [copy, plain] = &copies[..] else { panic!("{copies:?}") };
    assert!(!format!("{:?}", String::from_utf8_lossy(&copy.body)).contains("S3CRET"));
    assert!(copy.headers.iter().all(|(_, value)| !String::from_utf8_lossy(value).contains("S3CRET")));
    assert_eq!(copy.header(":path"), "/p?token=gone%21&a=1&tok%65n=gone%21");
    assert_eq!(copy.header("authorization"), "gone!");
    assert_eq!(copy.header("x-key"), "gone!,gone!");
    assert_eq!(copy.header("content-length"), "", "it is not the copy's any more");
    let body = r#"{"user": {"email": "gone!", "id": 1.0}, "cards": [{"number": "gone!"}]}"#;
    assert_eq!(String::from_utf8_lossy(&copy.body), body);
    assert_eq!(plain.header("x-key"), "S3CRET,S3CRET2");
    assert!(String::from_utf8_lossy(&plain.body).contains("S3CRET"));
}

#[test]
fn a_body_that_cannot_be_redacted_is_not_sent() {
    let keys = json!({"redact": {"json": ["/a"]}, "body": {"max_bytes": 50, "on_overflow": "headers_only"}});
    type Case = (&'static str, fn(&Sim) -> Request, bool);
    let cases: [Case; 8] = [
        ("none", |sim| sim.request(), true),
        ("empty", |sim| post(sim, "text/plain", ""), true),
        ("json", |sim| post(sim, "application/json", r#"{"a": 1}"#), true),
        ("nothing to redact", |sim| post(sim, "application/problem+json", "[1]"), true),
        ("too large, sent without body", |sim| post(sim, "text/plain", &"x".repeat(60)), true),
        ("form", |sim| post(sim, "application/x-www-form-urlencoded", "a=1"), false),
        ("broken", |sim| post(sim, "application/json", r#"{"a": 1"#), false),
        (
            "encoded",
            |sim| post(sim, "application/json", r#"{"a": 1}"#).header("content-encoding", "gzip"),
            false,
        ),
    ];
    for (name, request, sent) in cases {
        let mut sim = sim(keys.clone());
        request(&sim).send();
        let counted = sim.counted("m");
        assert_eq!(counted.contains_key("sent"), sent, "{name}: {counted:?}");
        assert_eq!(counted.contains_key("skipped unredactable"), !sent, "{name}: {counted:?}");
        assert_eq!(sim.counted("plain")["sent"], 1, "{name}");
        sim.assert_adds_up();
    }
}

#[test]
fn a_chunked_body_is_redacted_as_one() {
    let mut sim = sim(json!({"redact": {"json": ["/a"]}}));
    sim.request()
        .method("POST")
        .header("content-type", "application/json")
        .body("{\"a\": \"S3C")
        .body("RET\"}")
        .send();
    sim.tick();
    assert_eq!(sim.callouts()[0].body, b"{\"a\": \"[redacted]\"}");
}

#[test]
fn redaction_does_not_make_a_body_larger_than_allowed() {
    let mut sim = sim(json!({"redact": {"json": ["/*"]}, "body": {"max_bytes": 30}}));
    post(&sim, "application/json", "[1,2,3]").send();
    assert_eq!(sim.counted("m")["skipped body_too_large"], 1);
    let mirror = json!({"cluster": "c", "name": "m", "redact": {"json": ["/*"]}});
    let mut sim = Sim::with_config(json!({"max_buffered_bytes": 400, "mirrors": [mirror]}));
    post(&sim, "application/json", &format!("[{}1]", "1,".repeat(50))).send();
    assert_eq!(sim.counted("m")["skipped memory"], 1);
    sim.assert_all_settled();
}

#[test]
fn a_body_that_redaction_makes_too_large_is_left_out_where_that_is_wanted() {
    let body = json!({"max_bytes": 30, "on_overflow": "headers_only"});
    let mut sim = sim(json!({"redact": {"json": ["/*"]}, "body": body}));
    post(&sim, "application/json", "[1,2,3]").header("content-length", "7").send();
    sim.tick();
    let copies = sim.callouts();
    assert_eq!((&copies[0].body[..], copies[0].header("content-length")), (&b""[..], "".into()));
}

#[test]
fn no_digest_of_a_redacted_body_goes_along() {
    let mut sim = sim(json!({"redact": {"json": ["/pin"]}}));
    let digests = ["content-digest", "repr-digest", "digest", "content-md5"];
    let mut request = post(&sim, "application/json", r#"{"pin": 1234}"#).header("x-digest", "kept");
    for name in digests {
        request = request.header(name, "sha-256=:MDEyMzQ1Njc4OQ==:");
    }
    request.send();
    sim.tick();
    let copies = sim.callouts();
    let [copy, plain] = &copies[..] else { panic!("{copies:?}") };
    assert!(digests.iter().all(|name| copy.header(name).is_empty()), "{copy:?}");
    assert!(digests.iter().all(|name| !plain.header(name).is_empty()), "{plain:?}");
    assert_eq!(copy.header("x-digest"), "kept");
}

#[test]
fn what_redaction_adds_counts_towards_too_large_headers() {
    let replacement = "r".repeat(255);
    let mut sim = sim(json!({"redact": {"headers": ["x-a"], "query": ["q"], "replacement": replacement}}));
    let mut request = sim.request();
    for _ in 0..1000 {
        request = request.header("x-a", "1");
    }
    request.header("x-b", vec![b'x'; (1 << 20) - 200_000]).send();
    let path = format!("/?{}", "q=&".repeat(5_000));
    sim.request().path(&path).send();
    sim.request().path("/?q=1").send();
    let counted = sim.counted("m");
    assert_eq!((counted["skipped headers_too_large"], counted["sent"]), (2, 1), "{counted:?}");
    assert_eq!(sim.counted("plain")["sent"], 3);
}

#[test]
fn members_of_a_json_body_are_set_in_the_copy_alone() {
    let mut sim = sim(json!({
        "set_json": {"/model": "v2", "/options/seed": 7, "/stream": false},
        "redact": {"json": ["/key"]},
    }));
    let body = r#"{"model": "v1", "temperature": 0.50, "options": {}, "key": "S3CRET"}"#;
    post(&sim, "application/json", body).header("content-digest", "sha-256=:x:").send();
    sim.tick();
    let copies = sim.callouts();
    let [copy, plain] = &copies[..] else { panic!("{copies:?}") };
    let set =
        r#"{"model": "v2", "temperature": 0.50, "options": {"seed":7}, "key": "[redacted]","stream":false}"#;
    assert_eq!(String::from_utf8_lossy(&copy.body), set);
    assert_eq!(
        (copy.header("content-digest"), plain.header("content-digest")),
        ("".into(), "sha-256=:x:".into())
    );
    assert_eq!(plain.body, body.as_bytes());
}

#[test]
fn what_cannot_be_set_is_not_sent_and_large_bodies_are_set_in_ticks() {
    let mut sim = sim(json!({"set_json": {"/model": "v2"}}));
    for (kind, body) in [("text/plain", "x"), ("application/json", "[]"), ("application/json", "{")] {
        post(&sim, kind, body).send();
    }
    // There is nothing to set in no body.
    sim.request().send();
    let large = format!(r#"{{"text": "{}"}}"#, "x".repeat(100_000));
    post(&sim, "application/json", &large).send();
    let counted = sim.counted("m");
    assert_eq!((counted["skipped unredactable"], counted["sent"]), (3, 2), "{counted:?}");
    let copies = sim.callouts();
    let set = copies.iter().find(|copy| copy.body.ends_with(br#"","model":"v2"}"#)).expect("set");
    assert_eq!(set.body.len(), large.len() + r#","model":"v2""#.len());
    copies.iter().for_each(|copy| sim.answer(copy, Answer::status(200)));
    sim.assert_all_settled();
}
