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
}

pub fn of<'a>(subject: &Subject<'a>) -> Vec<Target<'a>> {
    let mut targets = Vec::new();
    for (index, mirror) in subject.mirrors() {
        match &mirror.select.target {
            Written::Cluster(cluster) => {
                targets.push(Target { index, mirror, cluster, path: format!("mirrors[{index}].cluster") });
            }
            Written::Header { allowed, .. } => {
                targets.extend(allowed.iter().enumerate().map(|(number, cluster)| Target {
                    index,
                    mirror,
                    cluster,
                    path: format!("mirrors[{index}].cluster_header.allowed[{number}]"),
                }));
            }
        }
    }
    targets
}
