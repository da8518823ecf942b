// SPDX-License-Identifier: Apache-2.0
//! Routes beside the plugin: what they do to requests that a copy does not show, and clusters that get a request twice.

use std::net::IpAddr;

use serde_json::Value;

use super::clusters::Clusters;
use super::manager::Manager;
use super::targets::Target;
use super::{Subject, finding_at, in_line};
use crate::check::filter::Authority;
use crate::check::finding::{Finding, Name};
use crate::check::place::Place;
use crate::check::prose;

const REWRITES: [&str; 8] = [
    "prefix_rewrite",
    "regex_rewrite",
    "path_rewrite",
    "path_rewrite_policy",
    "host_rewrite_literal",
    "host_rewrite_header",
    "host_rewrite_path_regex",
    "auto_host_rewrite",
];
const EDITS: [&str; 2] = ["request_headers_to_add", "request_headers_to_remove"];
const OWN_ANSWERS: [&str; 3] = ["direct_response", "redirect", "non_forwarding_action"];
/// Most places that a finding names.
const MOST: usize = 3;

pub fn of(
    subject: &Subject<'_>,
    manager: &Manager<'_>,
    clusters: &Clusters<'_>,
    targets: &[Target<'_>],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(send(subject, manager));
    for target in targets.iter().filter(|target| !target.is_control) {
        findings.extend(twice(subject, manager, clusters, target));
        findings.extend(two_mirrors(manager, target));
    }
    findings.extend(ipv6(subject, manager));
    findings
}

/// Copies are of requests as they came, unless they wait for the router.
fn send(subject: &Subject<'_>, manager: &Manager<'_>) -> Option<Finding> {
    let (index, _) = subject.mirrors().find(|(index, _)| subject.written(*index, "/send").is_none())?;
    let changed = names(&rewrites(manager));
    let answered: Vec<_> = manager.routes().flat_map(|route| given(&route, &OWN_ANSWERS)).collect();
    let answered = names(&answered);
    let what = match (changed.is_empty(), answered.is_empty()) {
        (true, true) => return None,
        (false, true) => format!("routes change requests ({changed}), and copies are as requests came"),
        (true, false) => format!("routes answer requests themselves ({answered}), and these are copied, too"),
        (false, false) => format!(
            "routes change requests ({changed}), and copies are as requests came; others answer themselves ({answered}), and these are \
             copied, too"
        ),
    };
    let says = format!(
        "{what}. Write \"send\": \"primary_end\" for copies of what the primary gets, or \"request_end\" if this is meant"
    );
    Some(subject.finding(Name::Send, &format!("mirrors[{index}].send"), says))
}

fn rewrites<'a>(manager: &Manager<'a>) -> Vec<(&'static str, Place<'a>)> {
    let mut found = Vec::new();
    for around in manager.route_config().into_iter().chain(manager.virtual_hosts()) {
        found.extend(given(&around, &EDITS));
    }
    for route in manager.routes() {
        found.extend(given(&route, &EDITS));
        let Some(action) = route.get("route") else { continue };
        found.extend(given(&action, &REWRITES));
        for cluster in action.at(&["weighted_clusters"]).into_iter().flat_map(|all| all.list("clusters")) {
            found.extend(given(&cluster, &EDITS));
            found.extend(given(&cluster, &REWRITES));
        }
    }
    found
}

fn given<'a>(place: &Place<'a>, keys: &[&'static str]) -> Vec<(&'static str, Place<'a>)> {
    let is_given =
        |value: &Value| *value != Value::Bool(false) && value.as_array().is_none_or(|list| !list.is_empty());
    keys.iter()
        .filter_map(|key| Some((*key, place.get(key)?)))
        .filter(|(_, place)| is_given(place.value()))
        .collect()
}

/// `prefix_rewrite, line 7, and redirect, line 9`.
fn names(found: &[(&str, Place<'_>)]) -> String {
    let mut words: Vec<_> = found
        .iter()
        .take(MOST)
        .map(|(key, place)| match place.line() {
            Some(line) => format!("{key} in line {line}"),
            None => (*key).to_owned(),
        })
        .collect();
    if let Some(more @ 1..) = found.len().checked_sub(MOST) {
        words.push(format!("{more} more"));
    }
    prose::list(&words, "and")
}

/// The cluster that serves the requests, or this listener itself.
fn twice(
    subject: &Subject<'_>,
    manager: &Manager<'_>,
    clusters: &Clusters<'_>,
    target: &Target<'_>,
) -> Option<Finding> {
    let name = prose::quoted(target.cluster);
    if let Some(place) = primaries(manager).find(|place| place.text() == Some(target.cluster)) {
        let says = format!(
            "{name} is also where a route{} sends the requests themselves, so it gets each twice; write the cluster of the shadow",
            in_line(&place)
        );
        return Some(subject.finding(Name::Loop, &target.path, says));
    }
    let listener = address(&manager.listener.as_ref()?.get("address")?)?;
    let assignment = clusters.named(target.cluster)?.get("load_assignment")?;
    let endpoints = assignment.list("endpoints").flat_map(|locality| locality.list("lb_endpoints"));
    let mut addresses = endpoints.filter_map(|endpoint| endpoint.at(&["endpoint", "address"]));
    let own = addresses.find(|place| address(place).is_some_and(|address| is_same(&listener, &address)))?;
    let says = format!(
        "{name} has this listener's own address{}, so each copy is served here like a request; write the address of the shadow",
        in_line(&own)
    );
    Some(subject.finding(Name::Loop, &target.path, says))
}

fn primaries<'a>(manager: &Manager<'a>) -> impl Iterator<Item = Place<'a>> {
    let actions = manager.routes().filter_map(|route| route.get("route"));
    actions.flat_map(|action| {
        let weighted = action.get("weighted_clusters").into_iter().flat_map(|all| all.list("clusters"));
        let weighted = weighted.filter_map(|cluster| cluster.get("name"));
        action.get("cluster").into_iter().chain(weighted).collect::<Vec<_>>()
    })
}

fn address(place: &Place<'_>) -> Option<(IpAddr, u64)> {
    let socket = place.get("socket_address")?;
    Some((socket.text_at("address")?.parse().ok()?, socket.number_at("port_value")?))
}

fn is_same(listener: &(IpAddr, u64), endpoint: &(IpAddr, u64)) -> bool {
    let here = listener.0 == endpoint.0 || listener.0.is_unspecified() && endpoint.0.is_loopback();
    here && listener.1 == endpoint.1 && listener.1 != 0
}

/// Envoy's own mirroring to the same cluster.
fn two_mirrors(manager: &Manager<'_>, target: &Target<'_>) -> Option<Finding> {
    let actions = manager.routes().filter_map(|route| route.get("route"));
    let around = manager.route_config().into_iter().chain(manager.virtual_hosts()).chain(actions);
    let mut policies = around.flat_map(|place| place.list("request_mirror_policies"));
    let policy =
        policies.find(|policy| policy.text_at("cluster") == Some(target.cluster) && !is_off(policy))?;
    let says = format!(
        "request_mirror_policies: Envoy itself mirrors to {}, too, so it gets each request twice; take the policy out",
        prose::quoted(target.cluster)
    );
    Some(finding_at(Name::TwoMirrors, &policy, says))
}

fn is_off(policy: &Place<'_>) -> bool {
    policy
        .at(&["runtime_fraction", "default_value", "numerator"])
        .is_some_and(|share| share.number() == Some(0))
}

/// With a suffix, `[::1]:80` becomes `[::1]-shadow:80`, as with Envoy's own mirroring, and many servers refuse that.
fn ipv6(subject: &Subject<'_>, manager: &Manager<'_>) -> Option<Finding> {
    let is_suffix = |authority: &Authority| matches!(authority, Authority::Suffix(_));
    let (index, _) = subject.mirrors().find(|(_, mirror)| is_suffix(&mirror.transform.authority))?;
    let mut domains = manager.virtual_hosts().flat_map(|host| host.list("domains"));
    let domain = domains.find(|domain| domain.text().is_some_and(|text| text.starts_with('[')));
    let listener = manager.listener.as_ref().and_then(|listener| listener.get("address"));
    let is_v6 = |place: &Place<'_>| {
        address(place).is_some_and(|(address, _)| address.is_ipv6() && !address.is_unspecified())
    };
    let place = domain.or_else(|| listener.filter(is_v6))?;
    let says = format!(
        "hosts are IPv6 addresses here{}, and with a suffix [::1]:80 becomes [::1]-shadow:80, which many servers refuse; write \
         \"authority\": \"keep\", or {{\"literal\": \"shadow.test\"}}",
        in_line(&place)
    );
    Some(subject.finding(Name::Ipv6Host, &format!("mirrors[{index}].authority"), says))
}
