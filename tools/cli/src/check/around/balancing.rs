// SPDX-License-Identifier: Apache-2.0
//! Clusters that choose an endpoint by what a copy does not have. All of it was seen on a real Envoy: `tests/envoy/balancing.rs`.

use std::collections::BTreeSet;

use super::clusters::Clusters;
use super::targets::Target;
use super::{Subject, finding_at};
use crate::check::filter::Authority;
use crate::check::finding::{Finding, Name};
use crate::check::place::Place;
use crate::check::prose;

pub fn of(_: &Subject<'_>, clusters: &Clusters<'_>, targets: &[Target<'_>]) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for target in targets.iter().filter(|target| seen.insert(target.cluster)) {
        let Some(cluster) = clusters.named(target.cluster) else { continue };
        let name = prose::quoted(target.cluster);
        let found = [hash(cluster, target), subset(cluster), kind(cluster)];
        findings.extend(
            found
                .into_iter()
                .flatten()
                .map(|(kind, place, says)| finding_at(kind, &place, format!("cluster {name}: {says}"))),
        );
    }
    findings
}

type Found<'a> = Option<(Name, Place<'a>, String)>;

/// The configuration of the cluster's load balancing, if it is one of these types.
fn policy<'a>(cluster: &Place<'a>, kinds: &[&str]) -> Option<Place<'a>> {
    let policies = cluster.get("load_balancing_policy")?.list("policies");
    let mut configurations =
        policies.filter_map(|policy| policy.at(&["typed_extension_config", "typed_config"]));
    configurations.find(|configuration| configuration.kind().is_some_and(|kind| kinds.contains(&kind)))
}

fn hash<'a>(cluster: &Place<'a>, target: &Target<'_>) -> Found<'a> {
    let legacy =
        cluster.get("lb_policy").filter(|policy| matches!(policy.text(), Some("RING_HASH" | "MAGLEV")));
    let (place, policy) = match (policy(cluster, &["RingHash", "Maglev"]), legacy) {
        (Some(policy), _) if policy.at(&["consistent_hashing_lb_config", "hash_policy"]).is_some() => {
            return None;
        }
        (Some(place), _) => (place.clone(), place.kind().unwrap_or_default()),
        (None, Some(place)) => (place.clone(), place.text().unwrap_or_default()),
        (None, None) => return None,
    };
    if endpoints(cluster) == Some(1) {
        return None;
    }
    let which = match &target.mirror.transform.authority {
        Authority::Literal(literal) if !target.is_control => {
            format!(
                "all copies go to one endpoint, as each has the host {}",
                prose::quoted(&String::from_utf8_lossy(literal))
            )
        }
        _ => "all copies of one host go to one endpoint".to_owned(),
    };
    let says = format!(
        "{policy} chooses by the host of the copy alone, as calls of filters have no hash policy: {which}; write lb_policy: \
         LEAST_REQUEST, or a hash_policy in the consistent_hashing_lb_config of a load_balancing_policy"
    );
    Some((Name::Hash, place, says))
}

/// How many endpoints the file gives a cluster.
fn endpoints(cluster: &Place<'_>) -> Option<usize> {
    let is_static = cluster.get("type").is_none_or(|kind| kind.text() == Some("STATIC"));
    let localities = cluster.get("load_assignment").filter(|_| is_static)?.list("endpoints");
    Some(localities.flat_map(|locality| locality.list("lb_endpoints")).count())
}

fn subset<'a>(cluster: &Place<'a>) -> Found<'a> {
    let place = cluster.get("lb_subset_config").or_else(|| policy(cluster, &["Subset"]))?;
    let what = match place.text_at("fallback_policy") {
        None | Some("NO_FALLBACK") => "every copy fails as rejected",
        Some("ANY_ENDPOINT") => "copies go to endpoints of any subset",
        Some(_) => return None,
    };
    let says = format!(
        "copies name no subset, so {what}; write fallback_policy: DEFAULT_SUBSET and the default_subset that is the shadow, or give the \
         shadow a cluster of its own"
    );
    Some((Name::Subset, place, says))
}

fn kind<'a>(cluster: &Place<'a>) -> Found<'a> {
    if let Some(place) = cluster.get("type").filter(|kind| kind.text() == Some("ORIGINAL_DST")) {
        let by_header = cluster.at(&["original_dst_lb_config", "use_http_header"]);
        if by_header.is_some_and(|place| place.value() == true) {
            return None;
        }
        let says = "ORIGINAL_DST sends to where the client connected to, and a copy has no client, so every copy fails as rejected; \
                    write a cluster with endpoints, or type: STRICT_DNS";
        return Some((Name::ClusterType, place, says.to_owned()));
    }
    let place = cluster.at(&["cluster_type", "typed_config", "sub_clusters_config"])?;
    let says = "a dynamic forward proxy with sub_clusters_config makes its clusters for requests that pass its HTTP filter, and copies do \
                not, so every copy fails as rejected; write dns_cache_config instead, or a cluster with endpoints";
    Some((Name::ClusterType, place, says.to_owned()))
}
