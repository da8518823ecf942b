// SPDX-License-Identifier: Apache-2.0
//! What is shown, in this order.

use std::pin::Pin;

use anyhow::Result;

use crate::world::World;
use crate::{broken, elsewhere, gateway, manifests, metrics, sidecar, updates};

pub type Test = for<'a> fn(&'a World) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Names tests by their paths.
macro_rules! tests {
    ($($module:ident::$test:ident),* $(,)?) => {
        [$((concat!(stringify!($module), "::", stringify!($test)), |world| Box::pin($module::$test(world)))),*]
    };
}

pub const TESTS: &[(&str, Test)] = &tests![
    manifests::all_are_accepted,
    manifests::the_patch_for_metrics_applies,
    manifests::faults_are_refused,
    gateway::images_come_by_digest_from_a_registry_and_by_http,
    gateway::the_copy_leaves_before_the_routes_rewrite,
    sidecar::search_is_mirrored_as_shipped,
    sidecar::mode_server_mirrors_once,
    sidecar::the_tutorial_mirrors_half,
    sidecar::a_traffic_extension_does_the_same,
    sidecar::both_kinds_of_plugin_copy_twice,
    elsewhere::a_client_copies_what_it_asks_of_the_service,
    elsewhere::an_external_shadow_is_reached_over_tls,
    metrics::labels_come_out_of_the_agents_endpoint,
    metrics::labels_stand_in_the_names_without_annotations,
    updates::a_patch_takes_effect_within_a_second_and_loses_nothing,
    updates::adding_and_removing_lose_nothing,
    broken::configurations_leave_traffic_alone_at_first_load,
    broken::configurations_leave_traffic_alone_as_an_update,
    broken::images_leave_traffic_alone_at_first_load,
    broken::images_leave_traffic_alone_as_an_update,
    broken::an_unknown_cluster_leaves_traffic_alone,
    broken::a_url_without_a_scheme_leaves_traffic_alone,
    broken::a_missing_pull_secret_leaves_traffic_alone,
    broken::what_istio_itself_does_not_allow,
    broken::what_envoy_refuses_leaves_the_old_filter,
];
