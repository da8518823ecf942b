// SPDX-License-Identifier: Apache-2.0

//! The filter's own block in a listener.

use std::path::Path;

use serde_json::Value as Json;
use serde_yaml_ng::Value;

use super::place::{entry, http_filters, named, yaml};

const NAME: &str = "envoy.filters.http.wasm";

/// The filter that has Envoy decide which requests see ours.
const COMPOSITE: &str = "envoy.filters.http.composite";

pub(super) fn configure(listener: &mut Value, configuration: Option<Value>) {
    let config = config(listener);
    match configuration {
        Some(configuration) => *entry(config, "configuration") = configuration,
        None => drop(config.as_mapping_mut().and_then(|config| config.remove("configuration"))),
    }
}

pub(super) fn string_value(json: String) -> Value {
    let mut value = yaml("'@type': type.googleapis.com/google.protobuf.StringValue");
    *entry(&mut value, "value") = json.into();
    value
}

pub(super) fn struct_value(json: Json) -> Value {
    let mut value = yaml("'@type': type.googleapis.com/google.protobuf.Struct");
    // JSON is YAML.
    *entry(&mut value, "value") = yaml(&json.to_string());
    value
}

pub(super) fn strict(listener: &mut Value, strict: bool) {
    const VARIABLE: &str = "SHADOW_FILTER_STRICT";
    let vm = entry(config(listener), "vm_config");
    if strict {
        *entry(entry(entry(vm, "environment_variables"), "key_values"), VARIABLE) = "1".into();
    } else if let Some(vm) = vm.as_mapping_mut() {
        // The variable is the only one that the shipped files set; an empty block is not needed.
        vm.remove("environment_variables");
    }
}

pub(super) fn remove(listener: &mut Value) {
    http_filters(listener).retain(|filter| filter["name"] != NAME && filter["name"] != COMPOSITE);
}

/// False if the listener has no such filter.
pub(super) fn is_in(listener: &mut Value) -> bool {
    http_filters(listener).iter().any(|filter| filter["name"] == NAME || filter["name"] == COMPOSITE)
}

pub(super) fn set_module(listener: &mut Value, module: &Path) {
    let file = &mut config(listener)["vm_config"]["code"]["local"];
    *entry(file, "filename") = module.display().to_string().into();
}

/// Lets the module do what it likes: what the shipped files allow is what this filter needs.
pub(super) fn unrestrict(listener: &mut Value) {
    if let Some(config) = config(listener).as_mapping_mut() {
        config.remove("capability_restriction_config");
    }
}

fn config(listener: &mut Value) -> &mut Value {
    let filters = http_filters(listener);
    if filters.iter().any(|filter| filter["name"] == NAME) {
        return &mut named(filters, NAME)["typed_config"]["config"];
    }
    let action = &mut named(filters, COMPOSITE)["typed_config"]["xds_matcher"]["on_no_match"]["action"];
    &mut action["typed_config"]["typed_config"]["typed_config"]["config"]
}
