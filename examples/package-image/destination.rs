// SPDX-License-Identifier: Apache-2.0
//! Where to push.

use anyhow::{Result, ensure};
use oci_client::Reference;

/// A repository in a registry, and perhaps a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub registry: String,
    pub repository: String,
    pub tag: Option<String>,
}

impl Destination {
    /// Reads REGISTRY/NAME[:TAG].
    pub fn parse(text: &str) -> Result<Self> {
        let first = text.split_once('/').map(|(first, _)| first);
        let names_a_registry = first.is_some_and(|name| name == "localhost" || name.contains(['.', ':']));
        let what = "expected REGISTRY/NAME[:TAG], such as ghcr.io/you/shadow-filter:0.1.0";
        ensure!(names_a_registry && !text.contains("://"), what);
        let reference: Reference = text.parse()?;
        ensure!(
            reference.digest().is_none(),
            "the digest comes of what is pushed: leave out the part from the @"
        );
        // The parser makes `latest` of no tag.
        let has_tag = text.rsplit('/').next().is_some_and(|name| name.contains(':'));
        Ok(Self {
            registry: reference.registry().to_owned(),
            repository: reference.repository().to_owned(),
            tag: reference.tag().filter(|_| has_tag).map(str::to_owned),
        })
    }

    /// The repository's name, as references and URLs begin.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    pub fn reference(&self, tag: &str) -> Reference {
        Reference::with_tag(self.registry.clone(), self.repository.clone(), tag.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_names_its_registry_and_perhaps_a_tag() {
        for (text, tag) in [
            ("ghcr.io/you/filter", None),
            ("localhost/filter:1", Some("1")),
            ("127.0.0.1:5000/a/b", None),
            ("127.0.0.1:5000/a/b:0.1.0", Some("0.1.0")),
        ] {
            assert_eq!(Destination::parse(text).unwrap().tag.as_deref(), tag, "{text}");
        }
        for text in ["filter", "you/filter", "ghcr.io/", "ghcr.io/You", "oci://ghcr.io/you/filter"] {
            assert!(Destination::parse(text).is_err(), "{text}");
        }
        let digest = format!("ghcr.io/you/filter@sha256:{}", "0".repeat(64));
        assert!(Destination::parse(&digest).unwrap_err().to_string().contains("leave out"));
    }
}
