// SPDX-License-Identifier: Apache-2.0
//! The clusters that a file has, and mirrors that name another.

use super::targets::Target;
use super::{Subject, in_line};
use crate::check::find::File;
use crate::check::finding::{Finding, Name};
use crate::check::place::Place;
use crate::check::{prose, similar};

pub struct Clusters<'a> {
    all: Vec<Place<'a>>,
    /// Whether its Envoy has no others; `None` if the file says nothing of clusters.
    complete: Option<bool>,
}

impl<'a> Clusters<'a> {
    /// Those of bootstraps, of files for `path_config_source`, and of what the admin's `/config_dump` gives.
    pub fn of(file: &'a File) -> Self {
        let mut clusters = Self { all: Vec::new(), complete: None };
        for document in &file.documents {
            clusters.add(&Place::root(document), 0);
        }
        clusters
    }

    pub fn named(&self, name: &str) -> Option<&Place<'a>> {
        self.all.iter().find(|cluster| cluster.text_at("name") == Some(name))
    }

    fn add(&mut self, root: &Place<'a>, depth: usize) {
        if let Some(resources) = root.get("static_resources") {
            self.all.extend(resources.list("clusters"));
            let others = [["dynamic_resources", "cds_config"], ["dynamic_resources", "ads_config"]];
            let alone = others.iter().all(|way| root.at(way).is_none());
            self.complete = Some(alone && self.complete != Some(false));
        }
        let resources: Vec<_> =
            root.list("resources").filter(|resource| resource.kind() == Some("Cluster")).collect();
        if !resources.is_empty() {
            self.complete = Some(false);
            self.all.extend(resources);
        }
        for part in root.list("configs").filter(|_| depth == 0) {
            match part.kind() {
                Some("BootstrapConfigDump") => {
                    part.get("bootstrap").iter().for_each(|root| self.add(root, 1));
                }
                Some("ClustersConfigDump") => {
                    let lists = ["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"];
                    let entries = lists.into_iter().flat_map(|list| part.list(list));
                    self.all.extend(entries.filter_map(|entry| entry.get("cluster")));
                    self.complete = Some(true);
                }
                _ => {}
            }
        }
    }
}

/// Mirrors whose cluster the file does not have, and should.
pub fn unknown<'a>(
    subject: &'a Subject<'a>,
    clusters: &'a Clusters<'a>,
    targets: &'a [Target<'a>],
) -> impl Iterator<Item = Finding> {
    targets.iter().filter_map(|target| {
        let complete = clusters.complete?;
        if clusters.named(target.cluster).is_some() {
            return None;
        }
        let names = clusters.all.iter().filter_map(|cluster| cluster.text_at("name"));
        let meant = similar::to(target.cluster, names.clone());
        let cluster = prose::quoted(target.cluster);
        let says = match meant.and_then(|name| clusters.named(name).map(|place| (name, place))) {
            Some((name, place)) => format!(
                "there is no cluster {cluster} in this file; did you mean {}{}? Write \"{name}\"",
                prose::quoted(name),
                in_line(place)
            ),
            // Another source may have it.
            None if !complete => return None,
            None => {
                let names: Vec<_> = names.map(prose::quoted).collect();
                let what_to_do = match names.is_empty() {
                    true => "has none. Add the cluster".to_owned(),
                    false => {
                        format!("has {}. Write one of these, or add the cluster", prose::list(&names, "and"))
                    }
                };
                format!(
                    "there is no cluster {cluster} in this file, so nothing is sent (unknown_cluster); it {what_to_do}"
                )
            }
        };
        Some(subject.finding(Name::Cluster, &target.path, says))
    })
}
