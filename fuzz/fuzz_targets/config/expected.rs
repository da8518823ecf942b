// SPDX-License-Identifier: Apache-2.0
//! What a configuration that was accepted must say, key by key, read from the text by other code, with the defaults of the contract.

use std::time::Duration;

use serde_json::Value;
use shadow_filter::admission::{BreakerSettings, Scope};
use shadow_filter::capture::{BodyPolicy, OnOverflow};
use shadow_filter::compare::{BodyRule, PlaceStyle, Rules};
use shadow_filter::config::{Config, MirrorConfig, SendAt};
use shadow_filter::select::{Key, Percentage, SampleBy, Schedule, Target};
use shadow_filter::time::Timestamp;

use crate::conditions::check_conditions;
use crate::document::{Object, duration, flag, has_null, known, number, object, pointers, text, texts};
use crate::transform::check_transform;

pub fn check(config: &Config, json: &Object) {
    assert!(!has_null(&Value::Object(json.clone())), "a key without a value");
    known(json, &["mirrors", "loop_guard", "max_buffered_bytes", "annotate"]);
    assert_eq!(config.loop_guard, flag(json, "loop_guard", true));
    assert_eq!(config.annotate, flag(json, "annotate", false));
    assert_eq!(config.max_buffered_bytes as f64, number(json, "max_buffered_bytes").unwrap_or(33_554_432.0));
    let mirrors = json["mirrors"].as_array().expect("a list");
    assert_eq!(mirrors.len(), config.mirrors.len());
    for (mirror, json) in config.mirrors.iter().zip(mirrors) {
        check_mirror(mirror, json.as_object().expect("an object"));
    }
}

fn check_mirror(mirror: &MirrorConfig, json: &Object) {
    known(
        json,
        &[
            "name",
            "cluster",
            "cluster_header",
            "percentage",
            "sample_by",
            "match",
            "exclude",
            "authority",
            "scheme",
            "path",
            "headers",
            "redact",
            "set_json",
            "body",
            "deliver",
            "answer",
            "batch",
            "send",
            "timeout",
            "retry",
            "limits",
            "breaker",
            "active",
            "ramp",
            "dry_run",
            "compare",
        ],
    );
    let late = match text(json, "send") {
        None | Some("request_end") => SendAt::RequestEnd,
        other => (other == Some("primary_end")).then_some(SendAt::PrimaryEnd).expect("one of the two"),
    };
    assert_eq!(mirror.send, late);
    assert!(late == SendAt::PrimaryEnd || !mirror.select.conditions.ask_answer());
    assert_eq!(mirror.dry_run, flag(json, "dry_run", false));
    assert_eq!(mirror.timeout, duration(json, "timeout").unwrap_or(Duration::from_secs(5)));
    check_target(mirror, json);
    check_share(mirror.select.percentage, number(json, "percentage").unwrap_or(100.0));
    check_sample_by(mirror.select.sample_by.as_ref(), object(json, "sample_by"));
    check_schedule(&mirror.select.schedule, json);
    check_conditions(mirror.select.conditions.any_of.as_deref(), json.get("match"));
    check_conditions(
        Some(&mirror.select.conditions.none_of),
        Some(json.get("exclude").unwrap_or(&Value::Array(vec![]))),
    );
    check_body(mirror.body, object(json, "body"));
    check_transform(&mirror.transform, json, mirror.timeout);
    check_limits(mirror, json);
    check_compare(mirror.compare.as_ref(), object(json, "compare"));
}

fn check_target(mirror: &MirrorConfig, json: &Object) {
    let from = match (&mirror.select.target, text(json, "cluster"), object(json, "cluster_header")) {
        (Target::Cluster(found), Some(cluster), None) => {
            assert_eq!(found, cluster);
            cluster
        }
        (Target::Header { name, allowed }, None, Some(header)) => {
            known(header, &["name", "allowed"]);
            assert_eq!(*name, text(header, "name").expect("a name").to_ascii_lowercase());
            assert_eq!(*allowed, texts(header, "allowed"));
            text(header, "name").expect("a name")
        }
        other => panic!("{other:?}"),
    };
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let default =
        |from: &str| from.chars().take(64).map(|c| if plain(c) { c } else { '_' }).collect::<String>();
    let name = text(json, "name").map_or_else(|| default(from), str::to_owned);
    assert!(mirror.name == name || mirror.name == name.to_ascii_lowercase() && text(json, "name").is_none());
    assert_eq!(mirror.transform.marker, mirror.name);
}

fn check_share(share: Percentage, percent: f64) {
    assert!((0.0..=100.0).contains(&percent));
    let shown: f64 = share.to_string().trim_end_matches(" %").parse().expect("a number");
    assert!((shown - percent).abs() <= 0.000_050_1, "{shown} {percent}");
    assert_eq!(share == Percentage::NONE, percent == 0.0, "above 0 is never nothing");
}

fn check_sample_by(found: Option<&SampleBy>, json: Option<&Object>) {
    let Some(json) = json else { return assert_eq!(found, None) };
    known(json, &["header", "cookie", "query", "salt"]);
    let keys = ["header", "cookie", "query"].map(|key| text(json, key));
    let key = match keys {
        // An authority comes as `:authority`.
        [Some(header), None, None] if header.eq_ignore_ascii_case("host") => Key::Header(":authority".into()),
        [Some(header), None, None] => Key::Header(header.to_ascii_lowercase()),
        [None, Some(cookie), None] => Key::Cookie(cookie.into()),
        [None, None, Some(query)] => Key::Query(query.into()),
        other => panic!("{other:?}"),
    };
    assert_eq!(found, Some(&SampleBy { key, salt: text(json, "salt").unwrap_or("").into() }));
}

fn check_schedule(found: &Schedule, json: &Object) {
    let active = object(json, "active");
    active.inspect(|active| known(active, &["from", "until"]));
    let time =
        |key| active.and_then(|active| text(active, key)).map(|time| Timestamp::parse(time).expect("a time"));
    assert_eq!((found.from, found.until), (time("from"), time("until")));
    assert!(found.from.zip(found.until).is_none_or(|(from, until)| from < until));
    let Some(ramp) = object(json, "ramp") else { return assert_eq!(found.ramp, None) };
    known(ramp, &["start", "over"]);
    let read = found.ramp.expect("a ramp");
    check_share(read.start, number(ramp, "start").expect("a number"));
    assert_eq!(Some(read.over), duration(ramp, "over"));
    assert!(found.from.is_some());
}

fn check_body(found: BodyPolicy, json: Option<&Object>) {
    let empty = Object::new();
    let json = json.unwrap_or(&empty);
    known(json, &["mode", "max_bytes", "on_overflow"]);
    let skips = match text(json, "on_overflow").unwrap_or("skip") {
        "skip" => OnOverflow::Skip,
        other => (other == "headers_only").then_some(OnOverflow::HeadersOnly).expect("one of the two"),
    };
    let max_bytes = number(json, "max_bytes").unwrap_or(1_048_576.0) as usize;
    let full = BodyPolicy::Full { max_bytes, on_overflow: skips };
    assert_eq!(found, if text(json, "mode") == Some("none") { BodyPolicy::None } else { full });
}

fn check_limits(mirror: &MirrorConfig, json: &Object) {
    let empty = Object::new();
    let limits = object(json, "limits").unwrap_or(&empty);
    known(limits, &["max_in_flight", "requests_per_second", "burst", "scope"]);
    assert_eq!(f64::from(mirror.limits.max_in_flight), number(limits, "max_in_flight").unwrap_or(1024.0));
    let scope = match text(limits, "scope").unwrap_or("envoy") {
        "envoy" => Scope::Envoy,
        other => (other == "worker").then_some(Scope::Worker).expect("one of the two"),
    };
    assert_eq!(mirror.limits.scope, scope);
    let rate = number(limits, "requests_per_second")
        .map(|rate| (rate, number(limits, "burst").unwrap_or(rate.ceil())));
    assert_eq!(mirror.limits.rate.map(|rate| (rate.per_second, f64::from(rate.burst))), rate);
    assert!(rate.is_some() || !limits.contains_key("burst"));
    let breaker = match json.get("breaker") {
        Some(Value::Object(json)) => {
            known(json, &["consecutive_failures", "cooldown"]);
            let consecutive_failures = number(json, "consecutive_failures").unwrap_or(50.0) as u32;
            assert!(consecutive_failures >= 1);
            Some(BreakerSettings {
                consecutive_failures,
                cooldown: duration(json, "cooldown").unwrap_or(Duration::from_secs(30)),
            })
        }
        Some(off) => (off != "off").then(|| panic!("{off}")),
        None => Some(BreakerSettings { consecutive_failures: 50, cooldown: Duration::from_secs(30) }),
    };
    assert_eq!(mirror.breaker, breaker);
}

fn check_compare(found: Option<&Rules>, json: Option<&Object>) {
    let (Some(found), Some(json)) = (found, json) else { return assert_eq!(found.is_some(), json.is_some()) };
    known(
        json,
        &[
            "status",
            "headers",
            "body",
            "ignore",
            "unordered",
            "control",
            "max_body_bytes",
            "log_per_minute",
            "log_values",
            "log_places",
            "log_query",
            "log_headers",
            "log_slower_than",
        ],
    );
    let body = match text(json, "body").unwrap_or("off") {
        "off" => BodyRule::Off,
        "bytes" => BodyRule::Bytes,
        other => (other == "json").then_some(BodyRule::Json).expect("one of the three"),
    };
    let headers: Vec<String> = texts(json, "headers").iter().map(|name| name.to_ascii_lowercase()).collect();
    assert_eq!((found.status, found.body), (flag(json, "status", true), body));
    assert_eq!((&found.headers, &found.ignore), (&headers, &pointers(json, "ignore")));
    assert_eq!(found.unordered, pointers(json, "unordered"));
    let logged: Vec<String> =
        texts(json, "log_headers").iter().map(|name| name.to_ascii_lowercase()).collect();
    assert_eq!((&found.log_headers, found.log_query), (&logged, flag(json, "log_query", false)));
    let slower = number(json, "log_slower_than").map(|factor| (factor * 100.0).round());
    assert_eq!(found.log_slower_than.map(f64::from), slower);
    assert_eq!(found.max_body_bytes as f64, number(json, "max_body_bytes").unwrap_or(65536.0));
    assert_eq!(f64::from(found.log_per_minute), number(json, "log_per_minute").unwrap_or(10.0));
    assert_eq!(found.log_values, flag(json, "log_values", false));
    let places = match text(json, "log_places").unwrap_or("exact") {
        "exact" => PlaceStyle::Exact,
        other => (other == "pattern").then_some(PlaceStyle::Pattern).expect("one of the two"),
    };
    assert_eq!(found.log_places, places);
}
