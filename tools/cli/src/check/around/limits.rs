// SPDX-License-Identifier: Apache-2.0
//! What a cluster takes at a time, against what mirrors send to it.

use std::collections::BTreeMap;

use super::clusters::Clusters;
use super::targets::Target;
use super::{Subject, finding_at, in_line};
use crate::check::filter::Scope;
use crate::check::finding::{Finding, Name};
use crate::check::place::Place;
use crate::check::prose;

/// Envoy's own, for each of the bounds.
const DEFAULT: u64 = 1024;
const BOUNDS: [&str; 2] = ["max_pending_requests", "max_requests"];
/// More workers than that are not assumed.
const MOST_WORKERS: u64 = 16;

pub fn of(subject: &Subject<'_>, clusters: &Clusters<'_>, targets: &[Target<'_>]) -> Vec<Finding> {
    let mut by_cluster: BTreeMap<&str, Vec<&Target<'_>>> = BTreeMap::new();
    for target in targets {
        by_cluster.entry(target.cluster).or_default().push(target);
    }
    let mut findings = Vec::new();
    for (name, targets) in by_cluster {
        let Some(cluster) = clusters.named(name) else { continue };
        let thresholds = thresholds(cluster);
        if thresholds.is_none() {
            findings.push(no_breakers(name, cluster, &targets));
        }
        findings.extend(in_flight(subject, name, thresholds.as_ref(), &targets));
        findings.extend(retries(subject, name, thresholds.as_ref(), &targets));
    }
    findings
}

/// Those for calls of filters, whose priority is the default one.
fn thresholds<'a>(cluster: &Place<'a>) -> Option<Place<'a>> {
    let is_default = |place: &Place<'_>| {
        place
            .get("priority")
            .is_none_or(|priority| priority.text() == Some("DEFAULT") || priority.number() == Some(0))
    };
    cluster.get("circuit_breakers")?.list("thresholds").find(is_default)
}

fn sum(targets: &[&Target<'_>]) -> u64 {
    targets.iter().map(|target| u64::from(target.mirror.limits.max_in_flight)).sum()
}

fn no_breakers(name: &str, cluster: &Place<'_>, targets: &[&Target<'_>]) -> Finding {
    let most = sum(targets);
    let says = format!(
        "cluster {}: no circuit_breakers, so copies may take 1024 connections, and 3 may be repeated at a time, Envoy's \
         defaults; write circuit_breakers: {{ thresholds: [{{ max_connections: 128, max_pending_requests: {most}, max_requests: \
         {most}, max_retries: 16 }}] }}",
        prose::quoted(name)
    );
    finding_at(Name::CircuitBreakers, cluster, says)
}

/// Copies beyond a cluster's bound are not made: they fail, and may open the breaker.
fn in_flight(
    subject: &Subject<'_>,
    name: &str,
    thresholds: Option<&Place<'_>>,
    targets: &[&Target<'_>],
) -> Option<Finding> {
    let bound = |key: &'static str| match thresholds.and_then(|place| place.get(key)) {
        Some(place) => (key, place.number().unwrap_or(DEFAULT), in_line(&place)),
        None => (key, DEFAULT, " (Envoy's default)".to_owned()),
    };
    let (key, most, place) = BOUNDS.map(bound).into_iter().min_by_key(|(_, most, _)| *most)?;
    let total = sum(targets);
    let first = targets.first()?;
    let for_each = targets.iter().any(|target| target.mirror.limits.scope == Scope::Worker);
    let (sent, of_workers) = match (for_each, subject.concurrency.map(u64::from)) {
        (false, _) => (total, String::new()),
        (true, Some(workers)) => {
            (total * workers, format!(" on each of {}", prose::count(workers as usize, "worker")))
        }
        (true, None) => {
            let workers = most / total + 1;
            if workers > MOST_WORKERS {
                return None;
            }
            let says = format!(
                " on each worker, with {} or more (--concurrency N says how many)",
                prose::count(workers as usize, "worker")
            );
            (total * workers, says)
        }
    };
    if sent <= most {
        return None;
    }
    let fits = (most / (sent / total)).max(1) / targets.len() as u64;
    let together =
        match targets.iter().skip(1).map(|target| format!("mirrors[{}]", target.index)).collect::<Vec<_>>() {
            others if others.is_empty() => String::new(),
            others => format!(", together with {},", prose::list(&others, "and")),
        };
    let says = format!(
        "{total} copies at a time{of_workers}{together} are more than cluster {} takes, {key} {most}{place}; the others fail as \
         rejected. Write \"max_in_flight\": {}, or max_pending_requests and max_requests: {sent}",
        prose::quoted(name),
        fits.max(1),
    );
    let path = format!("mirrors[{}].limits.max_in_flight", first.index);
    Some(subject.finding(Name::InFlight, &path, says))
}

fn retries(
    subject: &Subject<'_>,
    name: &str,
    thresholds: Option<&Place<'_>>,
    targets: &[&Target<'_>],
) -> Option<Finding> {
    // Without any, that is said already.
    let thresholds = thresholds?;
    let target = targets.iter().find(|target| target.mirror.transform.retry.is_some())?;
    let is_set = ["max_retries", "retry_budget"].iter().any(|key| thresholds.get(key).is_some());
    let says = format!(
        "cluster {}{} lets 3 copies at a time be repeated, Envoy's default; write max_retries: 16 there",
        prose::quoted(name),
        in_line(thresholds)
    );
    (!is_set).then(|| subject.finding(Name::Retries, &format!("mirrors[{}].retry", target.index), says))
}
