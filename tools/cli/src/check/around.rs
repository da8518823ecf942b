// SPDX-License-Identifier: Apache-2.0
//! What stands around a plugin in its file: the clusters that it sends to, the filters and routes beside it, the statistics of its
//! Envoy, and the objects of Istio and Envoy Gateway that make these.

mod balancing;
mod clusters;
mod destination_rule;
mod http_route;
mod limits;
mod manager;
mod objects;
mod order;
mod routes;
mod statistics;
mod targets;

use self::clusters::Clusters;
use self::manager::Manager;
use super::filter::{Config, MirrorConfig, Percentage};
use super::find::{File, Plugin};
use super::finding::{Finding, Name};
use super::place::Place;
use super::report::line_of;
use serde_json::Value;

/// What is known of one plugin.
struct Subject<'a> {
    plugin: &'a Plugin,
    file: &'a File,
    config: &'a Config,
    /// The configuration as it is written.
    json: &'a Value,
    /// Workers of its Envoy, if they were told.
    concurrency: Option<u32>,
}

pub fn of(
    plugin: &Plugin,
    file: &File,
    (config, json): (&Config, &Value),
    concurrency: Option<u32>,
) -> Vec<Finding> {
    let subject = Subject { plugin, file, config, json, concurrency };
    let clusters = Clusters::of(file);
    let targets = targets::of(&subject);
    let mut findings = Vec::new();
    findings.extend(clusters::unknown(&subject, &clusters, &targets));
    findings.extend(destination_rule::of(&subject, &targets));
    findings.extend(http_route::of(&subject, &targets));
    findings.extend(limits::of(&subject, &clusters, &targets));
    findings.extend(balancing::of(&subject, &clusters, &targets));
    if let Some(manager) = Manager::around(&subject) {
        findings.extend(order::of(&subject, &manager));
        findings.extend(routes::of(&subject, &manager, &clusters, &targets));
    }
    findings.extend(statistics::of(&subject));
    findings
}

impl<'a> Subject<'a> {
    /// The mirrors that copy, with their indices.
    fn mirrors(&self) -> impl Iterator<Item = (usize, &'a MirrorConfig)> {
        let mirrors = self.config.mirrors.iter().enumerate();
        mirrors.filter(|(_, mirror)| mirror.select.percentage != Percentage::NONE)
    }

    /// What is written at a path of a mirror.
    fn written(&self, mirror: usize, pointer: &str) -> Option<&'a Value> {
        self.json.pointer(&format!("/mirrors/{mirror}{pointer}"))
    }

    /// The document that the plugin is in.
    fn document(&self) -> Option<Place<'a>> {
        self.file.documents.get(self.plugin.document).map(Place::root)
    }

    /// A finding at a path of the configuration.
    fn finding(&self, name: Name, path: &str, says: impl std::fmt::Display) -> Finding {
        Finding { name, line: line_of(self.plugin, self.file, path), says: format!("{path}: {says}") }
    }
}

/// A finding somewhere else in the file.
fn finding_at(name: Name, place: &Place<'_>, says: String) -> Finding {
    Finding { name, line: place.line(), says }
}

/// ` (line 7)`, for a place that is spoken of.
fn in_line(place: &Place<'_>) -> String {
    place.line().map(|line| format!(" (line {line})")).unwrap_or_default()
}
