// SPDX-License-Identifier: Apache-2.0
//! What a mirror will do, in sentences.
//!
//! Values come from the configuration that the filter runs on, defaults included; what it does not show (expressions,
//! pointers, times) from the JSON.

use serde_json::Value;

use super::conditions;
use super::filter::{
    Authority, BodyPolicy, BodyRule, Key, MirrorConfig, NamePattern, OnOverflow, PathRewrite, Percentage,
    PlaceStyle, Scope, Target, control_name,
};
use super::prose;

/// One sentence for each thing that is not obvious, the most important one first.
pub fn mirror(mirror: &MirrorConfig, json: &Value) -> Vec<String> {
    if mirror.select.percentage == Percentage::NONE {
        return vec!["copies nothing: its percentage is 0".into()];
    }
    let sentences = [
        Some(what(mirror, json)),
        except(json),
        Some(address(mirror, json)),
        content(mirror, json),
        Some(body(mirror)),
        Some(cost(mirror, json)),
        compare(mirror),
        time(mirror, json),
    ];
    sentences.into_iter().flatten().collect()
}

fn what(mirror: &MirrorConfig, json: &Value) -> String {
    let verb = if mirror.dry_run { "sends nothing (dry run), but counts as if it copied" } else { "copies" };
    let requests = json.get("match").map(conditions::requests).unwrap_or_default();
    let requests = match (mirror.select.percentage, requests.join(", and ")) {
        (Percentage::ALL, requests) if requests.is_empty() => "all requests".into(),
        (Percentage::ALL, requests) => format!("all {requests}"),
        (share, requests) if requests.is_empty() => format!("{share} of requests"),
        (share, requests) => format!("{share} of {requests}"),
    };
    let mut parts = vec![format!("{verb} {requests}")];
    match &mirror.select.sample_by {
        _ if !mirror.select.percentage.is_partial() && mirror.select.schedule.ramp.is_none() => {}
        Some(by) => {
            let (thing, name) = match &by.key {
                Key::Header(name) => ("header", name.as_bytes()),
                Key::Cookie(name) => ("cookie", name.as_ref()),
                Key::Query(name) => ("query parameter", name.as_ref()),
            };
            parts.push(format!("chosen by {thing} `{}`", String::from_utf8_lossy(name)));
        }
        None => parts.push("chosen at random".into()),
    }
    let removed: Vec<String> = mirror.transform.headers.remove.iter().map(pattern).collect();
    if !removed.is_empty() {
        parts.push(format!("without {}", prose::list(&removed, "and")));
    }
    parts.push(match &mirror.select.target {
        Target::Cluster(cluster) => format!("to cluster `{cluster}`"),
        Target::Header { name, allowed } => {
            let allowed: Vec<_> = allowed.iter().map(|cluster| prose::quoted(cluster)).collect();
            format!("to the cluster that header `{name}` names, if it is {}", prose::list(&allowed, "or"))
        }
    });
    parts.push(match mirror.limits.rate {
        Some(rate) if mirror.limits.scope == Scope::Worker => {
            format!("at most {} per second and worker", rate.per_second)
        }
        Some(rate) => format!("at most {} per second", rate.per_second),
        None => "at any rate".into(),
    });
    parts.join(", ")
}

fn pattern(pattern: &NamePattern) -> String {
    match pattern {
        NamePattern::Name(name) => String::from_utf8_lossy(name).into(),
        NamePattern::Prefix(prefix) if prefix.is_empty() => "any header".into(),
        NamePattern::Prefix(prefix) => format!("{}*", String::from_utf8_lossy(prefix)),
        NamePattern::Credentials => "all well-known headers of credentials".into(),
    }
}

fn except(json: &Value) -> Option<String> {
    let excluded = json.get("exclude").map(conditions::requests).unwrap_or_default();
    (!excluded.is_empty()).then(|| format!("never copies {}", excluded.join(", nor ")))
}

fn address(mirror: &MirrorConfig, json: &Value) -> String {
    let host = match &mirror.transform.authority {
        Authority::Keep => "under the request's own host".to_owned(),
        Authority::Suffix(suffix) => {
            format!("under the request's host with `{}` behind it", String::from_utf8_lossy(suffix))
        }
        Authority::Literal(literal) => format!("as `{}`", String::from_utf8_lossy(literal)),
    };
    let text = |key: &str| json.pointer(&format!("/path/{key}")).and_then(Value::as_str).unwrap_or_default();
    let path = mirror.transform.path.as_ref().map(|path| match path {
        PathRewrite::Prefix { .. } => {
            let (prefix, replacement) = (text("prefix"), text("replacement"));
            format!("; a path that begins with {prefix} begins with {replacement} instead")
        }
        PathRewrite::Pattern(_) => {
            let (regex, replacement) = (text("regex"), text("replacement"));
            format!("; the first match of `{regex}` in a path becomes `{replacement}`")
        }
    });
    format!("addresses the shadow {host}{}", path.unwrap_or_default())
}

/// Values of headers are not shown: they may be credentials.
fn content(mirror: &MirrorConfig, json: &Value) -> Option<String> {
    let names = |values: &[(Vec<u8>, Vec<u8>)]| -> Vec<String> {
        values.iter().map(|(name, _)| String::from_utf8_lossy(name).into()).collect()
    };
    let redacted = |key: &str| json.pointer(&format!("/redact/{key}")).map(prose::texts).unwrap_or_default();
    let things = [
        ("sets the headers", names(&mirror.transform.headers.set)),
        ("adds the headers", names(&mirror.transform.headers.add)),
        ("hides the values of the headers", mirror.transform.redact.headers.clone()),
        ("hides the values of the query parameters", redacted("query")),
        ("hides in JSON bodies", redacted("json")),
    ];
    let things: Vec<String> = things
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(verb, names)| format!("{verb} {}", prose::list(names, "and")))
        .collect();
    (!things.is_empty()).then(|| things.join("; "))
}

fn body(mirror: &MirrorConfig) -> String {
    let BodyPolicy::Full { max_bytes, on_overflow } = mirror.body else {
        return "copies no bodies".into();
    };
    let larger = match on_overflow {
        OnOverflow::Skip => "is not copied",
        OnOverflow::HeadersOnly => "is copied without it",
    };
    let size = prose::size(max_bytes);
    let json = match on_overflow {
        _ if mirror.transform.redact.json.is_empty() => "",
        OnOverflow::Skip => ", nor is one whose body is not JSON",
        OnOverflow::HeadersOnly => ", one whose body is not JSON is not copied",
    };
    format!("copies bodies of up to {size}; a request with a larger one {larger}{json}")
}

fn compare(mirror: &MirrorConfig) -> Option<String> {
    let rules = mirror.compare.as_ref()?;
    let mut things: Vec<String> = rules.status.then(|| "status".to_owned()).into_iter().collect();
    if !rules.headers.is_empty() {
        things.push(format!("headers {}", prose::list(&rules.headers, "and")));
    }
    match rules.body {
        BodyRule::Off => {}
        BodyRule::Bytes => things.push("body byte by byte".into()),
        BodyRule::Json => things.push("body as JSON".into()),
    }
    let values = if rules.log_values { "with the values" } else { "without values" };
    let places = match rules.log_places {
        PlaceStyle::Exact => "",
        PlaceStyle::Pattern => ", places as patterns",
    };
    let query = if rules.log_query { ", the query of the path" } else { "" };
    let headers = match rules.log_headers.len() {
        0 => String::new(),
        _ => format!(", request headers {}", prose::list(&rules.log_headers, "and")),
    };
    let slow = rules.log_slower_than.map_or(String::new(), |percent| {
        format!(", and answers that took more than {} times the primary's", f64::from(percent) / 100.0)
    });
    let control = mirror.control.as_ref().map(|cluster| {
        format!(
            "; copies GET, HEAD and OPTIONS requests a second time, to cluster `{cluster}` as {}, to tell what differs by chance",
            control_name(&mirror.name)
        )
    });
    Some(format!(
        "compares the answers by {}; logs at most {} a minute and worker, {values}{places}{query}{headers}{slow}{}",
        prose::list(&things, "and"),
        prose::count(rules.log_per_minute as usize, "difference"),
        control.unwrap_or_default(),
    ))
}

fn cost(mirror: &MirrorConfig, json: &Value) -> String {
    let mut parts = vec![
        format!("waits at most {} for an answer", prose::duration(mirror.timeout)),
        match mirror.limits.scope {
            Scope::Envoy => format!("at most {} copies at a time", mirror.limits.max_in_flight),
            Scope::Worker => format!("at most {} copies at a time per worker", mirror.limits.max_in_flight),
        },
    ];
    if let Some(attempts) = json.pointer("/retry/attempts").and_then(Value::as_f64) {
        parts.push(format!("repeats a failed copy up to {}", prose::count(attempts as usize, "time")));
    }
    parts.push(match mirror.breaker {
        Some(breaker) => format!(
            "pauses for {} after {} in a row",
            prose::duration(breaker.cooldown),
            prose::count(breaker.consecutive_failures as usize, "failure"),
        ),
        None => "goes on however often copies fail".into(),
    });
    parts.join("; ")
}

fn time(mirror: &MirrorConfig, json: &Value) -> Option<String> {
    let at = |key: &str| json.pointer(&format!("/active/{key}")).and_then(Value::as_str);
    let mut words = match (at("from"), at("until")) {
        (Some(from), Some(until)) => format!("runs from {from} until {until}"),
        (Some(from), None) => format!("begins at {from}"),
        (None, Some(until)) => format!("ends at {until}"),
        (None, None) => return None,
    };
    if let Some(ramp) = mirror.select.schedule.ramp {
        let over = prose::duration(ramp.over);
        words.push_str(&format!(
            ", growing from {} to {} over the first {over}",
            ramp.start, mirror.select.percentage
        ));
    }
    Some(words)
}
