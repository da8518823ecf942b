// SPDX-License-Identifier: Apache-2.0

//! Finding one's way in a parsed bootstrap.

use serde_yaml_ng::{Mapping, Value};

/// The value of `key` in a mapping, null and ready to be set if there was none.
pub(super) fn entry<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    if value.is_null() {
        *value = Value::Mapping(Mapping::new());
    }
    match value {
        Value::Mapping(mapping) => mapping.entry(key.into()).or_insert(Value::Null),
        other => panic!("{key}: expected a mapping to put it into, found {other:?}"),
    }
}

pub(super) fn sequence<'a>(value: &'a mut Value, key: &str) -> &'a mut Vec<Value> {
    match value.get_mut(key) {
        Some(Value::Sequence(sequence)) => sequence,
        other => panic!("{key}: expected a list, found {other:?}"),
    }
}

/// The element of a list with this `name`.
pub(super) fn named<'a>(list: &'a mut [Value], name: &str) -> &'a mut Value {
    list.iter_mut()
        .find(|element| element["name"] == name)
        .unwrap_or_else(|| panic!("nothing is named {name} in the list"))
}

pub(super) fn connection_manager(listener: &mut Value) -> &mut Value {
    let chain = first(sequence(listener, "filter_chains"), "filter_chains");
    let filters = sequence(chain, "filters");
    &mut named(filters, "envoy.filters.network.http_connection_manager")["typed_config"]
}

pub(super) fn http_filters(listener: &mut Value) -> &mut Vec<Value> {
    sequence(connection_manager(listener), "http_filters")
}

pub(super) fn routes(listener: &mut Value) -> &mut Vec<Value> {
    let hosts = sequence(&mut connection_manager(listener)["route_config"], "virtual_hosts");
    sequence(first(hosts, "virtual_hosts"), "routes")
}

/// A piece of configuration written as YAML.
pub(super) fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn first<'a>(list: &'a mut [Value], what: &str) -> &'a mut Value {
    list.first_mut().unwrap_or_else(|| panic!("{what} is empty"))
}
