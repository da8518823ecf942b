// SPDX-License-Identifier: Apache-2.0
//! Edits of a bootstrap for a listener and its twin without the filter.

#![expect(clippy::indexing_slicing, reason = "of JSON and YAML that this program makes or knows")]

use harness::Bootstrap;
use serde_yaml_ng::Value;

/// Lets a listener ask another cluster than `primary`.
pub fn route_to(bootstrap: Bootstrap, listener: &str, cluster: &str) -> Bootstrap {
    bootstrap.edit(|bootstrap| {
        let listeners = bootstrap["static_resources"]["listeners"].as_sequence_mut();
        for found in listeners.into_iter().flatten().filter(|found| found["name"] == listener) {
            route(found)["cluster"] = cluster.into();
        }
    })
}

/// Where a listener says how it speaks HTTP.
pub fn manager(listener: &mut Value) -> &mut Value {
    &mut listener["filter_chains"][0]["filters"][0]["typed_config"]
}

/// The only route of a listener.
pub fn route(listener: &mut Value) -> &mut Value {
    &mut manager(listener)["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
}

/// A piece of configuration written as YAML.
pub fn yaml(text: &str) -> Value {
    #[expect(clippy::expect_used, reason = "a constant of this program")]
    serde_yaml_ng::from_str(text).expect("valid YAML")
}
