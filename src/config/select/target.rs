// SPDX-License-Identifier: Apache-2.0
//! Reads where copies go: `cluster` or `cluster_header`.

use super::super::reader::{Node, Object};
use super::{fields, keys};
use crate::select::{MAX_ALLOWED, Target};

pub const CLUSTER: &str = "the name of an Envoy cluster";
const ALLOWED: &str = "a list of 1 to 64 names of Envoy clusters";

pub fn read(mirror: &Object) -> Option<Target> {
    let Some(by_header) = mirror.get("cluster_header") else {
        return mirror.required("cluster", CLUSTER, cluster).map(Target::Cluster);
    };
    let target = header(by_header);
    if let Some(node) = mirror.get("cluster") {
        by_header.fault("the key beside cluster", "one of the two");
        cluster(node);
        return None;
    }
    target
}

fn header(node: &Node) -> Option<Target> {
    let object = node.object(keys::CLUSTER_HEADER)?;
    let name =
        object.required("name", "a header name", |node| match node.as_str().and_then(fields::header_name) {
            Some(name) => Some(name),
            None => node.refuse("a header name"),
        });
    let allowed = object.required("allowed", ALLOWED, |node| {
        let items = node.list(ALLOWED)?;
        if !(1..=MAX_ALLOWED).contains(&items.len()) {
            return node.refuse(ALLOWED);
        }
        let clusters: Vec<_> = items.iter().map(cluster).collect();
        clusters.into_iter().collect()
    });
    Some(Target::Header { name: name?, allowed: allowed? })
}

pub fn cluster(node: &Node) -> Option<String> {
    match node.as_str() {
        Some(cluster) if !cluster.is_empty() && !cluster.contains(char::is_control) => {
            Some(cluster.to_owned())
        }
        _ => node.refuse(CLUSTER),
    }
}
