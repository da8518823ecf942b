// SPDX-License-Identifier: Apache-2.0
//! The clusters that a plugin's mirrors may send to.

use super::Subject;
use crate::check::filter::{MirrorConfig, Target as Written};

/// One cluster of one mirror.
pub struct Target<'a> {
    /// The mirror's index, and the mirror.
    pub index: usize,
    pub mirror: &'a MirrorConfig,
    pub cluster: &'a str,
    /// Where it is named.
    pub path: String,
    /// It runs the primary's version, and may be the primary's own.
    pub is_control: bool,
}

pub fn of<'a>(subject: &Subject<'a>) -> Vec<Target<'a>> {
    let mut targets = Vec::new();
    for (index, mirror) in subject.mirrors() {
        match &mirror.select.target {
            Written::Cluster(cluster) => {
                targets.push(target(index, mirror, cluster, "cluster"));
            }
            Written::Header { allowed, .. } => {
                targets.extend(allowed.iter().enumerate().map(|(number, cluster)| {
                    target(index, mirror, cluster, &format!("cluster_header.allowed[{number}]"))
                }));
            }
        }
        targets.extend(mirror.control.as_ref().map(|cluster| Target {
            is_control: true,
            ..target(index, mirror, cluster, "compare.control.cluster")
        }));
    }
    targets
}

fn target<'a>(index: usize, mirror: &'a MirrorConfig, cluster: &'a str, key: &str) -> Target<'a> {
    Target { index, mirror, cluster, path: format!("mirrors[{index}].{key}"), is_control: false }
}
