// SPDX-License-Identifier: Apache-2.0
//! What the image says of itself, under the keys of the OCI image specification.

use std::collections::HashMap;

use cargo_metadata::Package;

use super::commit::Commit;

pub type Labels = HashMap<String, String>;

/// Labels of a package at a commit; what is not known is left out.
pub fn labels(package: &Package, commit: Option<&Commit>, created: Option<&str>) -> Labels {
    [
        ("title", Some(package.name.to_string())),
        ("description", package.description.clone()),
        ("version", Some(package.version.to_string())),
        ("revision", commit.map(Commit::revision)),
        ("created", created.map(str::to_owned)),
        ("licenses", package.license.clone()),
        ("source", package.repository.clone()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((format!("org.opencontainers.image.{key}"), value?)))
    .collect()
}
