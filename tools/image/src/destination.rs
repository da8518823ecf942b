// SPDX-License-Identifier: Apache-2.0
//! Where to push.

use anyhow::{Context, Result, ensure};
use oci_client::Reference;

/// The longest tag that leaves room for `-artifact` behind it.
const MAX_TAG: usize = 128 - "-artifact".len();

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
        let reference: Reference = text.parse().ok().context(
            "not a reference: NAME is in lower case, TAG has letters, digits, `_`, `.` and `-`, and REGISTRY is no IPv6 address",
        )?;
        ensure!(
            reference.digest().is_none(),
            "the digest comes of what is pushed: leave out the part from the @"
        );
        // The parser makes `latest` of no tag.
        let has_tag = text.rsplit('/').next().is_some_and(|name| name.contains(':'));
        let port = reference.registry().rsplit_once(':').map(|(_, port)| port);
        ensure!(port.is_none_or(|port| port.parse::<u16>().is_ok()), "there is no such port: {what}");
        ensure!(
            reference.tag().is_none_or(|tag| tag.len() <= MAX_TAG),
            "a tag has at most {MAX_TAG} characters here: that of the artifact is longer, and registries take 128"
        );
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
        let long = format!("ghcr.io/you/filter:{}", "1".repeat(120));
        for (text, advice) in [
            ("ghcr.io/You/filter:1", "lower case"),
            ("[::1]:5000/filter", "IPv6"),
            ("localhost:99999/filter", "port"),
            (&long, "119"),
        ] {
            let error = Destination::parse(text).unwrap_err().to_string();
            assert!(error.contains(advice), "{text}: {error}");
        }
        let digest = format!("ghcr.io/you/filter@sha256:{}", "0".repeat(64));
        assert!(Destination::parse(&digest).unwrap_err().to_string().contains("leave out"));
    }
}
