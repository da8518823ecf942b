// SPDX-License-Identifier: Apache-2.0
//! What Cargo knows of the crates: where their sources are, and who uses whom.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use harness::wasm::TARGET;

use super::workshop::Workshop;

pub const FILTER: &str = "shadow-filter";

/// The crates that a build of the module may touch.
pub struct Crates(Metadata);

impl Crates {
    pub fn of(workshop: &Workshop) -> Result<Self> {
        let output = workshop
            .cargo()
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET])
            .output()
            .context("run cargo; install Rust by https://rustup.rs")?;
        ensure!(
            output.status.success(),
            "cargo metadata failed. If Cargo.lock is not up to date, commit what `cargo check` makes of it:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).context("what cargo metadata says")?;
        Ok(Self(MetadataCommand::parse(text)?))
    }

    /// The filter's own package.
    pub fn filter(&self) -> Result<&Package> {
        self.0.packages.iter().find(|package| package.name == FILTER).context("no package shadow-filter here")
    }

    /// Folders of the crates that are not this repository's own, and what to call them wherever they are.
    pub fn folders(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0.packages.iter().filter(|package| package.source.is_some()).filter_map(|package| {
            let folder = package.manifest_path.parent()?;
            Some((folder.to_string(), format!("/crates/{}-{}", package.name, package.version)))
        })
    }

    /// The crates among `linked`, by name and version, each with what it uses of them.
    pub fn linked(&self, linked: &BTreeSet<PackageId>) -> Vec<(&Package, Vec<&PackageId>)> {
        let nodes = self.0.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let uses: BTreeMap<_, _> = nodes.map(|node| (&node.id, &node.deps)).collect();
        let mut found: Vec<_> =
            self.0.packages.iter().filter(|package| linked.contains(&package.id)).collect();
        found.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        found.into_iter().map(|package| (package, normal(uses.get(&package.id).copied(), linked))).collect()
    }
}

fn normal<'a>(
    uses: Option<&'a Vec<cargo_metadata::NodeDep>>,
    linked: &BTreeSet<PackageId>,
) -> Vec<&'a PackageId> {
    uses.into_iter()
        .flatten()
        .filter(|used| used.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
        .map(|used| &used.pkg)
        .filter(|id| linked.contains(id))
        .collect()
}
