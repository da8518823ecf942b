// SPDX-License-Identifier: Apache-2.0
//! The filter's configuration as an Envoy's admin tells it.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::admin::ask_for_configuration;
use crate::check::configurations;

/// What is of interest in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// Of each configuration, the first digits of its SHA-256, in hexadecimal.
    pub hashes: BTreeSet<String>,
    /// The clusters of mirrors that have Envoy repeat their copies.
    pub retried: BTreeSet<String>,
}

impl Configured {
    /// `None` if an admin does not tell.
    pub(super) fn of(admins: &[String]) -> Option<Self> {
        let mut all = Self::default();
        for admin in admins {
            all.add(&ask_for_configuration(admin)?);
        }
        (!all.hashes.is_empty()).then_some(all)
    }

    fn add(&mut self, dump: &Value) {
        const DIGITS: usize = 6;
        for configuration in configurations(dump) {
            // Keys in order, without white space.
            let digest = Sha256::digest(configuration.to_string());
            self.hashes.insert(digest.iter().take(DIGITS).map(|byte| format!("{byte:02x}")).collect());
            let mirrors = configuration.get("mirrors").and_then(Value::as_array).into_iter().flatten();
            for mirror in mirrors.filter(|mirror| mirror.get("retry").is_some_and(|retry| !retry.is_null())) {
                let allowed = mirror.pointer("/cluster_header/allowed").and_then(Value::as_array);
                let clusters = mirror.get("cluster").into_iter().chain(allowed.into_iter().flatten());
                let control = mirror.pointer("/compare/control/cluster");
                self.retried.extend(clusters.chain(control).filter_map(Value::as_str).map(str::to_owned));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn dump(configuration: &str) -> Value {
        let plugin = json!({
            "root_id": "shadow",
            "vm_config": {"runtime": "envoy.wasm.runtime.v8"},
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration},
        });
        json!({"configs": [{"static_listeners": [{"listener": {"typed_config": {"config": plugin}}}]}]})
    }

    #[test]
    fn a_configuration_has_one_hash_however_it_is_spelled() {
        let of = |configuration: &str| {
            let mut found = Configured::default();
            found.add(&dump(configuration));
            found
        };
        let found =
            of(r#"{"mirrors": [{"cluster": "a", "name": "m"}, {"cluster": "b", "retry": {"attempts": 1}}]}"#);
        assert_eq!(found.retried, ["b".to_owned()].into());
        assert_eq!(found.hashes.len(), 1);
        let respelled =
            r#"{ "mirrors": [{"name": "m", "cluster": "a"}, {"retry": {"attempts": 1}, "cluster": "b"}] }"#;
        assert_eq!(of(respelled), found);
        assert_ne!(of(r#"{"mirrors": [{"cluster": "a"}]}"#).hashes, found.hashes);
        assert_eq!(of("not JSON"), Configured::default());
    }
}
