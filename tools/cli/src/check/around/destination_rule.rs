// SPDX-License-Identifier: Apache-2.0
//! Istio: clusters are made of services and of the DestinationRules in the file, which also bound them.

use std::collections::BTreeSet;

use super::targets::Target;
use super::{Subject, finding_at, in_line, objects};
use crate::check::finding::{Finding, Name};
use crate::check::place::Place;
use crate::check::{prose, similar};

const LOCAL: &str = ".svc.cluster.local";
/// Istio's own, for each of the bounds.
const BOUNDS: [&str; 2] = ["http1MaxPendingRequests", "http2MaxRequests"];

pub fn of(subject: &Subject<'_>, targets: &[Target<'_>]) -> Vec<Finding> {
    let place = subject.plugin.place.as_deref().unwrap_or_default();
    if !["WasmPlugin", "TrafficExtension"].iter().any(|kind| place.contains(&format!("of {kind} "))) {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut findings: Vec<_> = phase(subject).into_iter().collect();
    let rules = objects::of_kind(subject.file, "DestinationRule");
    for target in targets.iter().filter(|target| seen.insert(target.cluster)) {
        match Service::of(target.cluster) {
            Some(service) => {
                findings.extend(service.short(subject, target));
                findings.extend(of_rules(subject, target, &service, &rules));
                findings.extend(two_mirrors(subject, target, &service));
            }
            None => findings.extend(no_service(subject, target)),
        }
    }
    findings
}

/// `outbound|8080|v2|search.shop.svc.cluster.local`.
struct Service<'a> {
    port: &'a str,
    subset: &'a str,
    host: &'a str,
}

impl<'a> Service<'a> {
    fn of(cluster: &'a str) -> Option<Self> {
        let mut parts = cluster.splitn(4, '|');
        let parts = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let [direction, port, subset, host] = parts;
        (direction == "outbound").then_some(Self { port, subset, host })
    }

    /// A service's name without its namespace is none that Istio makes a cluster of.
    fn short(&self, subject: &Subject<'_>, target: &Target<'_>) -> Option<Finding> {
        let Self { port, subset, host } = self;
        let says = format!(
            "Istio names clusters by the whole name of the host; write \"outbound|{port}|{subset}|{host}.NAMESPACE{LOCAL}\"",
        );
        (!host.contains('.')).then(|| subject.finding(Name::Cluster, &target.path, says))
    }

    fn is_host(&self, host: &str, namespace: Option<&str>) -> bool {
        full(host, namespace) == self.host
            || namespace.is_none() && !host.contains('.') && self.host.starts_with(&format!("{host}."))
    }
}

/// The whole name of a host as an object in a namespace names it.
fn full(host: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) if !host.contains('.') => format!("{host}.{namespace}{LOCAL}"),
        _ => host.to_owned(),
    }
}

fn no_service(subject: &Subject<'_>, target: &Target<'_>) -> Option<Finding> {
    let cluster = target.cluster;
    if cluster == "PassthroughCluster" {
        let says = "it sends to where the client connected to, and a copy has no client, so every copy fails as rejected; write a cluster of \
                    a service, \"outbound|PORT|SUBSET|HOST\"";
        return Some(subject.finding(Name::ClusterType, &target.path, says));
    }
    let (host, port) = cluster.split_once(':').unwrap_or((cluster, "PORT"));
    let says = format!(
        "Istio names clusters outbound|PORT|SUBSET|HOST, and none {}; write \"outbound|{port}||{host}\"",
        prose::quoted(cluster)
    );
    (host.contains('.') && !cluster.contains('|')).then(|| subject.finding(Name::Cluster, &target.path, says))
}

fn of_rules(
    subject: &Subject<'_>,
    target: &Target<'_>,
    service: &Service<'_>,
    rules: &[Place<'_>],
) -> Vec<Finding> {
    let host = |rule: &Place<'_>| Some(full(rule.get("spec")?.text_at("host")?, objects::namespace(rule)));
    let rule = rules.iter().find(|rule| {
        let host = rule.get("spec").and_then(|spec| spec.text_at("host"));
        host.is_some_and(|host| service.is_host(host, objects::namespace(rule)))
    });
    let Some(rule) = rule else {
        let hosts: Vec<_> = rules.iter().filter_map(|rule| Some((host(rule)?, rule))).collect();
        let meant = similar::to(service.host, hosts.iter().map(|(host, _)| host.as_str()));
        let found = meant.and_then(|meant| hosts.iter().find(|(host, _)| host == meant));
        let finding = found.map(|(host, rule)| {
            let place = rule.at(&["spec", "host"]).unwrap_or_else(|| (*rule).clone());
            let says = format!(
                "the file has no DestinationRule for {}; did you mean {}{}? Write \"outbound|{}|{}|{host}\"",
                prose::quoted(service.host),
                prose::quoted(host),
                in_line(&place),
                service.port,
                service.subset
            );
            subject.finding(Name::Cluster, &target.path, says)
        });
        return finding.into_iter().collect();
    };
    let Some(spec) = rule.get("spec") else { return Vec::new() };
    let subset = match service.subset {
        "" => None,
        name => match spec.list("subsets").find(|subset| subset.text_at("name") == Some(name)) {
            Some(subset) => Some(subset),
            None => return vec![no_subset(subject, target, service, &spec)],
        },
    };
    bounds(subject, target, &spec, subset.as_ref())
}

fn no_subset(subject: &Subject<'_>, target: &Target<'_>, service: &Service<'_>, spec: &Place<'_>) -> Finding {
    let names: Vec<_> = spec.list("subsets").filter_map(|subset| subset.text_at("name")).collect();
    let says =
        format!("the DestinationRule{} has no subset {}", in_line(spec), prose::quoted(service.subset));
    let says = match similar::to(service.subset, names.iter().copied()) {
        Some(name) => format!(
            "{says}; did you mean {}? Write \"outbound|{}|{name}|{}\"",
            prose::quoted(name),
            service.port,
            service.host
        ),
        None if names.is_empty() => format!("{says}, and none at all; add it there"),
        None => {
            let names: Vec<_> = names.into_iter().map(prose::quoted).collect();
            format!("{says}, but {}; write one of these, or add it there", prose::list(&names, "and"))
        }
    };
    subject.finding(Name::Cluster, &target.path, says)
}

/// What the subset says of a policy, or else the rule for all subsets.
fn policy<'a>(spec: &Place<'a>, subset: Option<&Place<'a>>, part: &str) -> Option<Place<'a>> {
    let way = ["trafficPolicy", part];
    subset.and_then(|subset| subset.at(&way)).or_else(|| spec.at(&way))
}

fn bounds(
    subject: &Subject<'_>,
    target: &Target<'_>,
    spec: &Place<'_>,
    subset: Option<&Place<'_>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(hash) = policy(spec, subset, "loadBalancer").and_then(|policy| policy.get("consistentHash")) {
        let says = "consistentHash: it chooses by the host of the copy alone, as calls of filters have no hash policy: all copies of one \
                    host go to one pod; write simple: LEAST_REQUEST for this subset";
        findings.push(finding_at(Name::Hash, &hash, says.to_owned()));
    }
    let most = u64::from(target.mirror.limits.max_in_flight);
    let Some(pool) = policy(spec, subset, "connectionPool").and_then(|pool| pool.get("http")) else {
        let says = format!(
            "the DestinationRule of {} has no connectionPool for it, and Istio's own bounds are none; write trafficPolicy: {{ \
             connectionPool: {{ tcp: {{ maxConnections: 64 }}, http: {{ http1MaxPendingRequests: {most}, http2MaxRequests: {most} }} }} }}",
            prose::quoted(target.cluster)
        );
        findings.push(finding_at(Name::CircuitBreakers, subset.unwrap_or(spec), says));
        return findings;
    };
    let bounds =
        BOUNDS.iter().filter_map(|key| pool.get(key)).filter_map(|place| Some((place.number()?, place)));
    if let Some((bound, place)) =
        bounds.filter(|(bound, _)| *bound > 0 && *bound < most).min_by_key(|(bound, _)| *bound)
    {
        let says = format!(
            "{most} copies at a time are more than {} takes, {bound}{}; the others fail as rejected. Write \"max_in_flight\": {bound}, or \
             http1MaxPendingRequests and http2MaxRequests: {most}",
            prose::quoted(target.cluster),
            in_line(&place)
        );
        let path = format!("mirrors[{}].limits.max_in_flight", target.index);
        findings.push(subject.finding(Name::InFlight, &path, says));
    }
    findings
}

/// A VirtualService that mirrors to the same host.
fn two_mirrors(subject: &Subject<'_>, target: &Target<'_>, service: &Service<'_>) -> Option<Finding> {
    let services = objects::of_kind(subject.file, "VirtualService");
    let mirrors = services.iter().flat_map(|object| {
        let routes = object.get("spec").into_iter().flat_map(|spec| spec.list("http"));
        let namespace = objects::namespace(object);
        routes
            .flat_map(|route| {
                let is_off = |share: Option<Place<'_>>| share.is_some_and(|share| share.number() == Some(0));
                let one = route.get("mirror").filter(|_| !is_off(route.at(&["mirrorPercentage", "value"])));
                let many =
                    route.list("mirrors").filter(|mirror| !is_off(mirror.at(&["percentage", "value"])));
                one.into_iter().chain(many.filter_map(|mirror| mirror.get("destination"))).collect::<Vec<_>>()
            })
            .map(move |mirror| (mirror, namespace))
    });
    let mut same = mirrors.filter(|(mirror, namespace)| {
        mirror.text_at("host").is_some_and(|host| service.is_host(host, *namespace))
            && mirror.text_at("subset").unwrap_or_default() == service.subset
    });
    let (place, _) = same.next()?;
    let says = format!(
        "mirror: this VirtualService mirrors to {}, too, so it gets each request twice; take it out, or write mirrorPercentage: {{ value: 0 }}",
        prose::quoted(target.cluster)
    );
    Some(finding_at(Name::TwoMirrors, &place, says))
}

fn phase(subject: &Subject<'_>) -> Option<Finding> {
    let plugin = subject.document()?.follow(&subject.plugin.steps)?;
    let around =
        subject.document()?.follow(subject.plugin.steps.get(..subject.plugin.steps.len().checked_sub(1)?)?);
    let place = plugin.get("phase").or_else(|| around?.get("phase"))?;
    let behind = match place.text()? {
        "AUTHN" => "authentication and authorization",
        "AUTHZ" => "authorization",
        _ => return None,
    };
    let says = format!(
        "phase: the filter stands before {behind}, and what these refuse is copied all the same; leave the key out"
    );
    Some(finding_at(Name::FilterOrder, &place, says))
}
