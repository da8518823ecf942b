// SPDX-License-Identifier: Apache-2.0
//! Envoy Gateway: clusters are made of the rules of HTTPRoutes, and of the filters RequestMirror in them.

use super::targets::Target;
use super::{Subject, finding_at, in_line, objects};
use crate::check::finding::{Finding, Name};
use crate::check::place::Place;
use crate::check::{prose, similar};

pub fn of(subject: &Subject<'_>, targets: &[Target<'_>]) -> Vec<Finding> {
    let place = subject.plugin.place.as_deref().unwrap_or_default();
    if !place.contains("of EnvoyExtensionPolicy ") {
        return Vec::new();
    }
    let routes = objects::of_kind(subject.file, "HTTPRoute");
    let clusters: Vec<_> = routes.iter().flat_map(made_by).collect();
    let mut findings = Vec::new();
    for target in targets {
        match clusters.iter().find(|(name, _)| name == target.cluster) {
            Some((name, place)) => findings.extend(two_mirrors(name, place)),
            None => findings.extend(unknown(subject, target, &clusters)),
        }
    }
    findings
}

/// The clusters of one route, and the rule or filter that each is made of.
fn made_by<'a>(route: &Place<'a>) -> Vec<(String, Place<'a>)> {
    let mut clusters = Vec::new();
    let (namespace, name) =
        (objects::namespace(route).unwrap_or("default"), objects::name(route).unwrap_or_default());
    let rules = route.get("spec").into_iter().flat_map(|spec| spec.list("rules")).enumerate();
    for (number, rule) in rules {
        let cluster = format!("httproute/{namespace}/{name}/rule/{number}");
        for (filter, place) in rule.list("filters").enumerate() {
            if place.text_at("type") == Some("RequestMirror") {
                clusters.push((format!("{cluster}-mirror-{filter}"), place));
            }
        }
        clusters.push((cluster, rule));
    }
    clusters
}

fn unknown(subject: &Subject<'_>, target: &Target<'_>, clusters: &[(String, Place<'_>)]) -> Option<Finding> {
    // Without a route in the file, it has those of another.
    if clusters.is_empty() {
        return None;
    }
    let mirrors = clusters.iter().filter(|(name, _)| name.contains("-mirror-"));
    let meant = similar::to(target.cluster, mirrors.clone().map(|(name, _)| name.as_str()));
    let meant = meant.and_then(|meant| clusters.iter().find(|(name, _)| name == meant));
    let cluster = prose::quoted(target.cluster);
    let says = match meant {
        Some((name, place)) => format!(
            "no HTTPRoute in this file makes a cluster {cluster}; did you mean {}{}? Write \"{name}\"",
            prose::quoted(name),
            in_line(place)
        ),
        None => format!(
            "no HTTPRoute in this file makes a cluster {cluster}; write \"httproute/NAMESPACE/ROUTE/rule/R-mirror-F\", with the places of \
             rule and filter RequestMirror, from 0"
        ),
    };
    Some(subject.finding(Name::Cluster, &target.path, says))
}

/// A RequestMirror copies by itself unless its share is 0.
fn two_mirrors(cluster: &str, place: &Place<'_>) -> Option<Finding> {
    let mirror = place.get("requestMirror")?;
    let is_off = mirror.number_at("percent") == Some(0)
        || mirror.at(&["fraction", "numerator"]).is_some_and(|share| share.number() == Some(0));
    let says = format!(
        "requestMirror: Envoy itself mirrors to {}, too, so it gets each request twice; write percent: 0",
        prose::quoted(cluster)
    );
    (!is_off).then(|| finding_at(Name::TwoMirrors, &mirror, says))
}
