// SPDX-License-Identifier: Apache-2.0

use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use serde_yaml_ng::Value;

use super::Bootstrap;

const TAGS: [&str; 8] = ["mirror", "reason", "side", "class", "status", "result", "kind", "plugin"];

fn rendered(bootstrap: &Bootstrap) -> Value {
    let rendered = bootstrap.clone().module("/m.wasm").render(Path::new("/d")).unwrap();
    serde_yaml_ng::from_str(&rendered.bootstrap.text).unwrap()
}

fn manager(listener: &Value) -> &Value {
    &listener["filter_chains"][0]["filters"][0]["typed_config"]
}

fn ingress(bootstrap: &Value) -> &Value {
    &bootstrap["static_resources"]["listeners"][0]
}

fn plugin(bootstrap: &Value) -> &Value {
    &manager(ingress(bootstrap))["http_filters"][0]["typed_config"]["config"]
}

#[test]
fn every_port_comes_from_the_os() {
    let bootstrap = rendered(&Bootstrap::shipped().extra_listener("second", "{}"));
    for listener in bootstrap["static_resources"]["listeners"].as_sequence().unwrap() {
        assert_eq!(listener["address"]["socket_address"]["port_value"], 0);
    }
    assert_eq!(bootstrap["admin"]["address"]["socket_address"]["port_value"], 0);
    assert_eq!(plugin(&bootstrap)["vm_config"]["code"]["local"]["filename"], "/m.wasm");
}

#[test]
fn the_shipped_files_have_a_rule_for_every_label() {
    for bootstrap in [Bootstrap::shipped(), Bootstrap::shipped_http2()] {
        let rules = &rendered(&bootstrap)["stats_config"]["stats_tags"];
        let rules: Vec<_> =
            rules.as_sequence().unwrap().iter().map(|rule| rule["tag_name"].as_str().unwrap()).collect();
        assert_eq!(rules, TAGS);
    }
}

#[test]
fn the_plugin_configuration_takes_each_of_its_forms() {
    let bootstrap = rendered(&Bootstrap::shipped().plugin("{\"mirrors\": []}").strict(false));
    assert_eq!(plugin(&bootstrap)["configuration"]["value"], "{\"mirrors\": []}");
    assert!(plugin(&bootstrap)["vm_config"]["environment_variables"].is_null());

    let bootstrap = rendered(&Bootstrap::shipped().plugin_struct(json!({"mirrors": [{"percentage": 1.5}]})));
    assert_eq!(plugin(&bootstrap)["configuration"]["@type"], "type.googleapis.com/google.protobuf.Struct");
    assert_eq!(plugin(&bootstrap)["configuration"]["value"]["mirrors"][0]["percentage"], 1.5);

    let bootstrap = rendered(&Bootstrap::shipped().no_plugin_config().strict(true));
    assert!(plugin(&bootstrap)["configuration"].is_null());
    assert_eq!(
        plugin(&bootstrap)["vm_config"]["environment_variables"]["key_values"]["SHADOW_FILTER_STRICT"],
        "1"
    );
}

#[test]
fn another_cluster_has_the_limits_of_the_shadow_and_its_own_address() {
    let address: SocketAddr = "[::1]:8".parse().unwrap();
    let bootstrap =
        rendered(&Bootstrap::shipped_http2().cluster("other", address).cluster_http2("grpc", address));
    let clusters = bootstrap["static_resources"]["clusters"].as_sequence().unwrap();
    let [_, shadow, other, grpc] = clusters.as_slice() else {
        panic!("{} clusters", clusters.len());
    };
    assert_eq!(other["circuit_breakers"], shadow["circuit_breakers"]);
    assert_eq!(other["load_assignment"]["cluster_name"], "other");
    let endpoint = &other["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    assert_eq!(endpoint["address"]["socket_address"]["address"], "::1");
    assert!(other["typed_extension_protocol_options"].is_null());
    assert_eq!(grpc["typed_extension_protocol_options"], shadow["typed_extension_protocol_options"]);
}

#[test]
fn native_mirroring_takes_the_place_of_the_filter() {
    let bootstrap = rendered(&Bootstrap::shipped().native_mirror("shadow"));
    let manager = manager(ingress(&bootstrap));
    let filters = manager["http_filters"].as_sequence().unwrap();
    assert_eq!(filters.len(), 1);
    let route = &manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"];
    assert_eq!(route["request_mirror_policies"][0]["cluster"], "shadow");
}

#[test]
fn dynamic_listeners_are_in_a_file_of_their_own() {
    let rendered =
        Bootstrap::shipped().module("/m.wasm").dynamic_listeners().render(Path::new("/d")).unwrap();
    let bootstrap: Value = serde_yaml_ng::from_str(&rendered.bootstrap.text).unwrap();
    let listeners: Value = serde_yaml_ng::from_str(&rendered.listeners.unwrap().text).unwrap();
    assert!(bootstrap["static_resources"]["listeners"].as_sequence().unwrap().is_empty());
    assert_eq!(
        bootstrap["dynamic_resources"]["lds_config"]["path_config_source"]["path"],
        "/d/listeners.json"
    );
    assert_eq!(listeners["resources"][0]["name"], "ingress");
}
