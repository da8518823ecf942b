// SPDX-License-Identifier: Apache-2.0
//! Each finding, word for word: a careful file has none, and one change makes one.

use std::collections::BTreeSet;

use harness::root;
use shadow_filter_cli::check::{Name, Outcome, Report};

use super::{check, read, terms};

/// The warnings, without the file's name.
fn warnings(report: &Report) -> Vec<String> {
    let lines = report.text.lines().skip_while(|line| !line.contains(": warning: "));
    let mut said: Vec<String> = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("left alone")) {
        match (line.strip_prefix("  file:"), said.last_mut()) {
            (Some(warning), _) => said.push(warning.replacen(" warning:", "", 1)),
            (None, Some(last)) => last.push_str(&format!("\n{line}")),
            (None, None) => panic!("{line}"),
        }
    }
    assert_eq!(said.len(), report.warnings, "{}", report.text);
    said
}

/// Replaces text of a file that has it once, and checks what is warned of then.
#[track_caller]
fn warns(file: &str, changes: &[(&str, &str)], expected: &[&str]) {
    let text = changes.iter().fold(read(file), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    });
    let report = check("file", &text);
    assert_eq!(report.outcome, Outcome::Fine, "{}", report.text);
    assert_eq!(warnings(&report), expected, "{}", report.text);
}

const CAREFUL: &str = "tests/check/careful.yaml";
const MANIFEST: &str = "tests/check/careful-istio.yaml";
const GATEWAY: &str = "tests/check/careful-gateway.yaml";

#[test]
fn careful_files_have_no_findings() {
    for file in [CAREFUL, MANIFEST, GATEWAY] {
        warns(file, &[], &[]);
    }
}

#[test]
fn a_cluster_that_is_not_there() {
    warns(
        CAREFUL,
        &[(r#""cluster": "shop-v2""#, r#""cluster": "shop_v2""#)],
        &[
            "26: mirrors[0].cluster: there is no cluster `shop_v2` in this file; did you mean `shop-v2` (line 52)? Write \"shop-v2\" \
           [cluster]",
        ],
    );
    warns(
        CAREFUL,
        &[(r#""cluster": "shop-v2""#, r#""cluster": "other""#)],
        &[
            "26: mirrors[0].cluster: there is no cluster `other` in this file, so nothing is sent (unknown_cluster); it has `primary` and \
           `shop-v2`. Write one of these, or add the cluster [cluster]",
        ],
    );
    let by_header = r#""cluster_header": {"name": "x-to", "allowed": ["shop-v2", "shopv2"]}"#;
    warns(
        CAREFUL,
        &[(r#""cluster": "shop-v2""#, by_header)],
        &[
            "26: mirrors[0].cluster_header.allowed[1]: there is no cluster `shopv2` in this file; did you mean `shop-v2` (line 52)? Write \
           \"shop-v2\" [cluster]",
        ],
    );
}

/// What a control plane may bring is not missed, unless it looks like a slip.
#[test]
fn a_cluster_that_comes_from_elsewhere() {
    let dynamic =
        ("static_resources:\n", "dynamic_resources: { cds_config: { ads: {} } }\nstatic_resources:\n");
    warns(CAREFUL, &[(r#""cluster": "shop-v2""#, r#""cluster": "other""#), dynamic], &[]);
    warns(
        CAREFUL,
        &[(r#""cluster": "shop-v2""#, r#""cluster": "shop.v2""#), dynamic],
        &[
            "27: mirrors[0].cluster: there is no cluster `shop.v2` in this file; did you mean `shop-v2` (line 53)? Write \"shop-v2\" \
           [cluster]",
        ],
    );
}

#[test]
fn circuit_breakers() {
    warns(
        CAREFUL,
        &[(
            "    circuit_breakers:\n      thresholds:\n      - { max_pending_requests: 128, max_requests: 128 }\n",
            "",
        )],
        &[
            "52: cluster `shop-v2`: no circuit_breakers, so copies may take 1024 connections, and 3 may be repeated at a time, Envoy's \
           defaults; write circuit_breakers: { thresholds: [{ max_connections: 128, max_pending_requests: 64, max_requests: 64, \
           max_retries: 16 }] } [circuit-breakers]",
        ],
    );
    // Those of another priority are not for copies.
    warns(
        CAREFUL,
        &[("- { max_pending", "- { priority: HIGH, max_pending")],
        &[
            "52: cluster `shop-v2`: no circuit_breakers, so copies may take 1024 connections, and 3 may be repeated at a time, Envoy's \
           defaults; write circuit_breakers: { thresholds: [{ max_connections: 128, max_pending_requests: 64, max_requests: 64, \
           max_retries: 16 }] } [circuit-breakers]",
        ],
    );
    warns(
        MANIFEST,
        &[(
            "    trafficPolicy:\n      connectionPool:\n        http: { http1MaxPendingRequests: 256, http2MaxRequests: 256 }\n",
            "",
        )],
        &[
            "11: the DestinationRule of `outbound|8080|v2|search.shop.svc.cluster.local` has no connectionPool for it, and Istio's own \
           bounds are none; write trafficPolicy: { connectionPool: { tcp: { maxConnections: 64 }, http: { http1MaxPendingRequests: 64, \
           http2MaxRequests: 64 } } } [circuit-breakers]",
        ],
    );
}

#[test]
fn more_copies_than_the_cluster_takes() {
    warns(
        CAREFUL,
        &[("\"max_in_flight\": 64", "\"max_in_flight\": 200")],
        &[
            "31: mirrors[0].limits.max_in_flight: 200 copies at a time are more than cluster `shop-v2` takes, max_pending_requests 128 \
           (line 55); the others fail as rejected. Write \"max_in_flight\": 128, or max_pending_requests and max_requests: 200 [in-flight]",
        ],
    );
    warns(
        CAREFUL,
        &[("max_requests: 128", "max_requests: 50")],
        &[
            "31: mirrors[0].limits.max_in_flight: 64 copies at a time are more than cluster `shop-v2` takes, max_requests 50 (line 55); the \
           others fail as rejected. Write \"max_in_flight\": 50, or max_pending_requests and max_requests: 64 [in-flight]",
        ],
    );
    // The defaults of both.
    warns(
        CAREFUL,
        &[
            ("\"max_in_flight\": 64", "\"max_in_flight\": 1025"),
            ("{ max_pending_requests: 128, max_requests: 128 }", "{}"),
        ],
        &[
            "31: mirrors[0].limits.max_in_flight: 1025 copies at a time are more than cluster `shop-v2` takes, max_pending_requests 1024 \
           (Envoy's default); the others fail as rejected. Write \"max_in_flight\": 1024, or max_pending_requests and max_requests: 1025 \
           [in-flight]",
        ],
    );
    warns(
        CAREFUL,
        &[(
            r#""mirrors": ["#,
            r#""mirrors": [{"name": "v3", "cluster": "shop-v2", "percentage": 1, "match": [{"methods": ["GET"]}],
                        "headers": {"remove": ["$credentials"]}, "body": {"mode": "none"}, "limits": {"max_in_flight": 65, "requests_per_second": 1},
                        "active": {"until": "2026-12-01T00:00:00Z"}},"#,
        )],
        &[
            "24: mirrors[0].limits.max_in_flight: 129 copies at a time, together with mirrors[1], are more than cluster `shop-v2` takes, \
           max_pending_requests 128 (line 57); the others fail as rejected. Write \"max_in_flight\": 64, or max_pending_requests and \
           max_requests: 129 [in-flight]",
        ],
    );
    warns(
        MANIFEST,
        &[("http2MaxRequests: 256", "http2MaxRequests: 32")],
        &[
            "43: mirrors[0].limits.max_in_flight: 64 copies at a time are more than `outbound|8080|v2|search.shop.svc.cluster.local` takes, \
           32 (line 15); the others fail as rejected. Write \"max_in_flight\": 32, or http1MaxPendingRequests and http2MaxRequests: 64 \
           [in-flight]",
        ],
    );
}

#[test]
fn more_copies_on_all_workers_than_the_cluster_takes() {
    let text = read(CAREFUL).replace("\"max_in_flight\": 64", "\"max_in_flight\": 64, \"scope\": \"worker\"");
    let with = |concurrency| warnings(&shadow_filter_cli::check::check("file", &text, &terms(concurrency)));
    assert_eq!(with(Some(2)), [""; 0]);
    assert_eq!(
        with(Some(4)),
        [
            "31: mirrors[0].limits.max_in_flight: 64 copies at a time on each of 4 workers are more than cluster `shop-v2` takes, \
          max_pending_requests 128 (line 55); the others fail as rejected. Write \"max_in_flight\": 32, or max_pending_requests and \
          max_requests: 256 [in-flight]"
        ]
    );
    assert_eq!(
        with(None),
        [
            "31: mirrors[0].limits.max_in_flight: 64 copies at a time on each worker, with 3 workers or more (--concurrency N says how many) \
          are more than cluster `shop-v2` takes, max_pending_requests 128 (line 55); the others fail as rejected. Write \"max_in_flight\": \
          42, or max_pending_requests and max_requests: 192 [in-flight]"
        ]
    );
}

#[test]
fn retries_that_the_cluster_does_not_let_through() {
    let retry = (r#""body": {"mode": "none"},"#, r#""body": {"mode": "none"}, "retry": {"attempts": 2},"#);
    warns(
        CAREFUL,
        &[retry],
        &[
            "30: mirrors[0].retry: cluster `shop-v2` (line 55) lets 3 copies at a time be repeated, Envoy's default; write max_retries: 16 \
           there [retries]",
        ],
    );
    warns(CAREFUL, &[retry, ("max_requests: 128", "max_requests: 128, max_retries: 16")], &[]);
}

#[test]
fn endpoints_that_are_chosen_by_a_hash() {
    let policy = |policy: &str| format!("  - name: shop-v2\n    lb_policy: {policy}\n");
    for name in ["RING_HASH", "MAGLEV"] {
        warns(
            CAREFUL,
            &[("  - name: shop-v2\n", &policy(name))],
            &[&format!(
                "53: cluster `shop-v2`: {name} chooses by the host of the copy alone, as calls of filters have no hash policy: all copies \
                 of one host go to one endpoint; write lb_policy: LEAST_REQUEST, or a hash_policy in the consistent_hashing_lb_config of a \
                 load_balancing_policy [hash]"
            )],
        );
    }
    warns(
        CAREFUL,
        &[
            ("  - name: shop-v2\n", &policy("RING_HASH")),
            (r#""percentage": 1,"#, r#""percentage": 1, "authority": {"literal": "v2.test"},"#),
        ],
        &[
            "53: cluster `shop-v2`: RING_HASH chooses by the host of the copy alone, as calls of filters have no hash policy: all copies go to \
           one endpoint, as each has the host `v2.test`; write lb_policy: LEAST_REQUEST, or a hash_policy in the \
           consistent_hashing_lb_config of a load_balancing_policy [hash]",
        ],
    );
    warns(CAREFUL, &[("  - name: shop-v2\n", &policy("LEAST_REQUEST"))], &[]);
    // With one endpoint there is nothing to choose.
    let second =
        "        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 8083 } } }\n";
    warns(CAREFUL, &[("  - name: shop-v2\n", &policy("RING_HASH")), (second, "")], &[]);
    let modern = |configuration: &str| {
        format!(
            "  - name: shop-v2\n    load_balancing_policy:\n      policies:\n      - typed_extension_config:\n          name: m\n          \
             typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.load_balancing_policies.maglev.v3.Maglev{configuration} }}\n"
        )
    };
    warns(
        CAREFUL,
        &[("  - name: shop-v2\n", &modern(""))],
        &[
            "57: cluster `shop-v2`: Maglev chooses by the host of the copy alone, as calls of filters have no hash policy: all copies of one \
           host go to one endpoint; write lb_policy: LEAST_REQUEST, or a hash_policy in the consistent_hashing_lb_config of a \
           load_balancing_policy [hash]",
        ],
    );
    let policy = ", consistent_hashing_lb_config: { hash_policy: [{ header: { header_name: x-user-id } }] }";
    warns(CAREFUL, &[("  - name: shop-v2\n", &modern(policy))], &[]);
    warns(
        MANIFEST,
        &[(
            "      connectionPool:\n",
            "      loadBalancer: { consistentHash: { useSourceIp: true } }\n      connectionPool:\n",
        )],
        &[
            "14: consistentHash: it chooses by the host of the copy alone, as calls of filters have no hash policy: all copies of one host go \
           to one pod; write simple: LEAST_REQUEST for this subset [hash]",
        ],
    );
}

#[test]
fn clusters_with_subsets() {
    let subsets = |fallback: &str| {
        format!(
            "  - name: shop-v2\n    lb_subset_config: {{ {fallback}subset_selectors: [{{ keys: [version] }}] }}\n"
        )
    };
    warns(
        CAREFUL,
        &[("  - name: shop-v2\n", &subsets(""))],
        &[
            "53: cluster `shop-v2`: copies name no subset, so every copy fails as rejected; write fallback_policy: DEFAULT_SUBSET and the \
           default_subset that is the shadow, or give the shadow a cluster of its own [subset]",
        ],
    );
    warns(
        CAREFUL,
        &[("  - name: shop-v2\n", &subsets("fallback_policy: ANY_ENDPOINT, "))],
        &[
            "53: cluster `shop-v2`: copies name no subset, so copies go to endpoints of any subset; write fallback_policy: DEFAULT_SUBSET and \
           the default_subset that is the shadow, or give the shadow a cluster of its own [subset]",
        ],
    );
    let default = subsets("fallback_policy: DEFAULT_SUBSET, default_subset: { version: v2 }, ");
    warns(CAREFUL, &[("  - name: shop-v2\n", &default)], &[]);
}

#[test]
fn clusters_that_need_a_client() {
    warns(
        CAREFUL,
        &[("  - name: shop-v2\n", "  - name: shop-v2\n    type: ORIGINAL_DST\n")],
        &[
            "53: cluster `shop-v2`: ORIGINAL_DST sends to where the client connected to, and a copy has no client, so every copy fails as \
           rejected; write a cluster with endpoints, or type: STRICT_DNS [cluster-type]",
        ],
    );
    let forward = |by: &str| {
        format!(
            "  - name: shop-v2\n    cluster_type:\n      name: envoy.clusters.dynamic_forward_proxy\n      typed_config:\n        \"@type\": \
             type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig\n        {by}\n"
        )
    };
    warns(
        CAREFUL,
        &[("  - name: shop-v2\n", &forward("sub_clusters_config: { lb_policy: ROUND_ROBIN }"))],
        &[
            "57: cluster `shop-v2`: a dynamic forward proxy with sub_clusters_config makes its clusters for requests that pass its HTTP \
           filter, and copies do not, so every copy fails as rejected; write dns_cache_config instead, or a cluster with endpoints \
           [cluster-type]",
        ],
    );
    warns(CAREFUL, &[("  - name: shop-v2\n", &forward("dns_cache_config: { name: dns }"))], &[]);
    warns(
        MANIFEST,
        &[("cluster: outbound|8080|v2|search.shop.svc.cluster.local", "cluster: PassthroughCluster")],
        &[
            "38: mirrors[0].cluster: it sends to where the client connected to, and a copy has no client, so every copy fails as rejected; \
           write a cluster of a service, \"outbound|PORT|SUBSET|HOST\" [cluster-type]",
        ],
    );
}

#[test]
fn filters_behind_that_should_stand_before() {
    let filter = |name: &str| {
        let kind = format!("type.googleapis.com/envoy.extensions.filters.http.{name}.v3.Config");
        let own =
            format!("          - name: own-{name}\n            typed_config: {{ \"@type\": {kind} }}\n");
        format!("{own}          - name: envoy.filters.http.router\n")
    };
    let router = "          - name: envoy.filters.http.router\n";
    for (name, what) in [
        ("grpc_web", "changes requests, so that copies are as they were before"),
        ("lua", "changes requests, so that copies are as they were before"),
        ("ext_authz", "answers some requests itself, and these are copied all the same"),
        ("local_ratelimit", "answers some requests itself, and these are copied all the same"),
    ] {
        let expected = format!(
            "36: http_filters[1]: {name} stands behind the filter and {what}; write it above `envoy.filters.http.wasm` (line 13) \
             [filter-order]"
        );
        warns(CAREFUL, &[(router, &filter(name))], &[&expected]);
    }
    // By its name, where it has no configuration of its own.
    let named = format!("          - name: envoy.filters.http.cors\n{router}");
    warns(
        CAREFUL,
        &[(router, &named)],
        &[
            "36: http_filters[1]: cors stands behind the filter and answers some requests itself, and these are copied all the same; write it \
           above `envoy.filters.http.wasm` (line 13) [filter-order]",
        ],
    );
    for name in ["buffer", "compressor", "router"] {
        warns(CAREFUL, &[(router, &filter(name))], &[]);
    }
    // In front of it each is right.
    let first = "          - name: envoy.filters.http.wasm\n";
    let before = format!(
        "          - name: envoy.filters.http.grpc_web\n          - name: envoy.filters.http.jwt_authn\n{first}"
    );
    warns(CAREFUL, &[(first, &before)], &[]);
}

#[test]
fn comparisons_of_what_another_filter_made() {
    let router = "          - name: envoy.filters.http.router\n";
    let behind = |name: &str| format!("          - name: envoy.filters.http.{name}\n{router}");
    let rules = [
        (
            "  stats_tags:\n",
            "  stats_tags:\n  - { tag_name: result, regex: '(result=\\.=(.*?);\\.;)' }\n  - { tag_name: kind, regex: '(kind=\\.=(.*?);\\.;)' }\n",
        ),
        (r#""percentage": 1,"#, r#""percentage": 1, "compare": {"body": "json"},"#),
    ];
    for (name, what) in [
        (
            "grpc_web",
            "translates requests and answers, so that copies are as the client sent them and answers are compared in two forms",
        ),
        ("compressor", "encodes the primary's answers before they are compared, and br and zstd cannot be"),
    ] {
        let expected = format!(
            "36: http_filters[1]: {name} stands behind the filter and {what}; write it above `envoy.filters.http.wasm` (line 13) \
             [filter-order]"
        );
        warns(CAREFUL, &[rules[0], rules[1], (router, &behind(name))], &[&expected]);
    }
}

#[test]
fn a_plugin_before_authentication() {
    warns(
        MANIFEST,
        &[("  pluginConfig:\n", "  phase: AUTHN\n  pluginConfig:\n")],
        &[
            "35: phase: the filter stands before authentication and authorization, and what these refuse is copied all the same; leave the key \
           out [filter-order]",
        ],
    );
    warns(MANIFEST, &[("  pluginConfig:\n", "  phase: STATS\n  pluginConfig:\n")], &[]);
}

const ROUTE: &str = "              - match: { prefix: / }\n                route: { cluster: primary }\n";

#[test]
fn routes_that_change_or_answer_requests() {
    let route = |lines: &str| format!("{lines}{ROUTE}");
    warns(
        CAREFUL,
        &[(
            ROUTE,
            &route(
                "              - match: { prefix: /api }\n                route: { cluster: primary, prefix_rewrite: / }\n",
            ),
        )],
        &[
            "24: mirrors[0].send: routes change requests (prefix_rewrite in line 44), and copies are as requests came. Write \"send\": \
           \"primary_end\" for copies of what the primary gets, or \"request_end\" if this is meant [send]",
        ],
    );
    warns(
        CAREFUL,
        &[(
            ROUTE,
            &route(
                "              - match: { path: /robots.txt }\n                direct_response: { status: 404 }\n",
            ),
        )],
        &[
            "24: mirrors[0].send: routes answer requests themselves (direct_response in line 44), and these are copied, too. Write \"send\": \
           \"primary_end\" for copies of what the primary gets, or \"request_end\" if this is meant [send]",
        ],
    );
    let many = "              - match: { prefix: /a }\n                redirect: { path_redirect: /b }\n              - match: { prefix: /c }\n                \
                request_headers_to_add: [{ header: { key: a, value: b } }]\n                route:\n                  host_rewrite_literal: a\n                  \
                prefix_rewrite: /\n                  auto_host_rewrite: false\n                  weighted_clusters: { clusters: [{ name: primary, weight: 1, \
                request_headers_to_remove: [a] }] }\n";
    warns(
        CAREFUL,
        &[(ROUTE, &route(many))],
        &[
            "24: mirrors[0].send: routes change requests (request_headers_to_add in line 46, prefix_rewrite in line 49, \
           host_rewrite_literal in line 48 and 1 more), and copies are as requests came; others answer themselves (redirect in line 44), and \
           these are copied, too. Write \"send\": \"primary_end\" for copies of what the primary gets, or \"request_end\" if this is meant \
           [send]",
        ],
    );
}

#[test]
fn copies_that_come_back() {
    warns(
        CAREFUL,
        &[(r#""cluster": "shop-v2""#, r#""cluster": "primary""#)],
        &[
            "46: cluster `primary`: no circuit_breakers, so copies may take 1024 connections, and 3 may be repeated at a time, Envoy's \
             defaults; write circuit_breakers: { thresholds: [{ max_connections: 128, max_pending_requests: 64, max_requests: 64, \
             max_retries: 16 }] } [circuit-breakers]",
            "26: mirrors[0].cluster: `primary` is also where a route (line 44) sends the requests themselves, so it gets each twice; write the \
             cluster of the shadow [loop]",
        ],
    );
    warns(
        CAREFUL,
        &[("port_value: 8083", "port_value: 10000")],
        &[
            "26: mirrors[0].cluster: `shop-v2` has this listener's own address (line 61), so each copy is served here like a request; write \
           the address of the shadow [loop]",
        ],
    );
    warns(
        CAREFUL,
        &[
            ("port_value: 8083", "port_value: 10000"),
            (
                "address: 127.0.0.1, port_value: 10000 }\n    filter",
                "address: 0.0.0.0, port_value: 10000 }\n    filter",
            ),
        ],
        &[
            "26: mirrors[0].cluster: `shop-v2` has this listener's own address (line 61), so each copy is served here like a request; write \
           the address of the shadow [loop]",
        ],
    );
}

#[test]
fn two_ways_to_mirror_at_once() {
    let policy = |share: &str| {
        format!("route: {{ cluster: primary, request_mirror_policies: [{{ cluster: shop-v2{share} }}] }}")
    };
    warns(
        CAREFUL,
        &[("route: { cluster: primary }", &policy(""))],
        &[
            "44: request_mirror_policies: Envoy itself mirrors to `shop-v2`, too, so it gets each request twice; take the policy out \
           [two-mirrors]",
        ],
    );
    warns(
        CAREFUL,
        &[(
            "route: { cluster: primary }",
            &policy(", runtime_fraction: { default_value: { numerator: 0 } }"),
        )],
        &[],
    );
    let mirror = |share: &str| {
        format!(
            "    - destination: {{ host: search, subset: v1 }}\n    mirror: {{ host: search, subset: v2 }}\n{share}"
        )
    };
    let route = "    - destination: { host: search, subset: v1 }\n";
    warns(
        MANIFEST,
        &[(route, &mirror(""))],
        &[
            "27: mirror: this VirtualService mirrors to `outbound|8080|v2|search.shop.svc.cluster.local`, too, so it gets each request twice; \
           take it out, or write mirrorPercentage: { value: 0 } [two-mirrors]",
        ],
    );
    warns(MANIFEST, &[(route, &mirror("    mirrorPercentage: { value: 0 }\n"))], &[]);
    warns(
        GATEWAY,
        &[("        percent: 0\n", "")],
        &[
            "11: requestMirror: Envoy itself mirrors to `httproute/shop/search/rule/0-mirror-0`, too, so it gets each request twice; write \
           percent: 0 [two-mirrors]",
        ],
    );
}

#[test]
fn hosts_that_are_addresses() {
    let expected = |line: u32| {
        format!(
            "24: mirrors[0].authority: hosts are IPv6 addresses here (line {line}), and with a suffix [::1]:80 becomes [::1]-shadow:80, which \
             many servers refuse; write \"authority\": \"keep\", or {{\"literal\": \"shadow.test\"}} [ipv6-host]"
        )
    };
    warns(CAREFUL, &[(r#"domains: ["*"]"#, r#"domains: ["[::1]:10000"]"#)], &[&expected(41)]);
    let bound = ("{ address: 127.0.0.1, port_value: 10000 }", "{ address: \"::1\", port_value: 10000 }");
    warns(CAREFUL, &[bound], &[&expected(4)]);
    warns(CAREFUL, &[bound, (r#""percentage": 1,"#, r#""percentage": 1, "authority": "keep","#)], &[]);
    warns(
        CAREFUL,
        &[("{ address: 127.0.0.1, port_value: 10000 }", "{ address: \"::\", port_value: 10000 }")],
        &[],
    );
}

#[test]
fn metrics_without_labels_or_buckets() {
    let rule = r"  - { tag_name: reason, regex: '^wasmcustom\.(?:.*;\.;)?(reason=\.=(.*?);\.;)' }";
    let reason = r"
      - { tag_name: reason, regex: '^wasmcustom\.(?:.*;\.;)?(reason=\.=(.*?);\.;)' }";
    let without = format!(
        "62: stats_config.stats_tags: no rule makes a label of reason, so it stays in the metrics' names; write there{reason} [tags]"
    );
    warns(CAREFUL, &[(&format!("{rule}\n"), "")], &[&without]);
    // A rule that does not fit the names is none.
    warns(CAREFUL, &[(r"(reason=\.=(.*?);\.;)", r"(reason=(.*?);)$")], &[&without]);
    let compared = r"
      - { tag_name: result, regex: '^wasmcustom\.(?:.*;\.;)?(result=\.=(.*?);\.;)' }
      - { tag_name: kind, regex: '^wasmcustom\.(?:.*;\.;)?(kind=\.=(.*?);\.;)' }";
    let without = format!(
        "62: stats_config.stats_tags: no rule makes a label of result and kind, so it stays in the metrics' names; write there{compared} [tags]"
    );
    warns(CAREFUL, &[(r#""percentage": 1,"#, r#""percentage": 1, "compare": {},"#)], &[&without]);
    let buckets = "stats_config.histogram_bucket_settings: none for shadow_duration_microseconds, and Envoy's own buckets are meant for \
                   milliseconds; write - { match: { suffix: shadow_duration_microseconds }, buckets: [100, 120, … 60000000] }, the whole \
                   list is in envoy/envoy.yaml [buckets]";
    warns(
        CAREFUL,
        &[("suffix: shadow_duration_microseconds", "prefix: shadow_duration_microseconds")],
        &[&format!("62: {buckets}")],
    );
    for matcher in ["contains: duration", "safe_regex: { regex: '.*_microseconds' }", "prefix: wasmcustom."] {
        warns(CAREFUL, &[("suffix: shadow_duration_microseconds", matcher)], &[]);
    }
    let text = read(CAREFUL);
    let (before, _) = text.split_once("stats_config:").expect("statistics");
    let said = warnings(&check("file", before));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("1: stats_config.stats_tags: no rule makes a label of mirror, reason, side, class, status and plugin, so "));
    assert_eq!(said[1], format!("1: {buckets}"));
}

#[test]
fn names_that_istio_does_not_make() {
    let cluster = "cluster: outbound|8080|v2|search.shop.svc.cluster.local";
    for (name, expected) in [
        (
            "outbound|8080|next|search.shop.svc.cluster.local",
            "the DestinationRule (line 6) has no subset `next`, but `v1` and `v2`; write one of these, or add it there",
        ),
        (
            "outbound|8080|v2|serach.shop.svc.cluster.local",
            "the file has no DestinationRule for `serach.shop.svc.cluster.local`; did you mean `search.shop.svc.cluster.local` (line 7)? Write \
             \"outbound|8080|v2|search.shop.svc.cluster.local\"",
        ),
        (
            "outbound|8080|v2|basket",
            "Istio names clusters by the whole name of the host; write \"outbound|8080|v2|basket.NAMESPACE.svc.cluster.local\"",
        ),
        (
            "search.shop.svc.cluster.local:8080",
            "Istio names clusters outbound|PORT|SUBSET|HOST, and none `search.shop.svc.cluster.local:8080`; write \
             \"outbound|8080||search.shop.svc.cluster.local\"",
        ),
    ] {
        warns(
            MANIFEST,
            &[(cluster, &format!("cluster: {name}"))],
            &[&format!("38: mirrors[0].cluster: {expected} [cluster]")],
        );
    }
    warns(
        MANIFEST,
        &[
            (cluster, "cluster: outbound|8080|canary|search.shop.svc.cluster.local"),
            ("- name: v2\n    labels", "- name: canray\n    labels"),
        ],
        &[
            "38: mirrors[0].cluster: the DestinationRule (line 6) has no subset `canary`; did you mean `canray`? Write \
           \"outbound|8080|canray|search.shop.svc.cluster.local\" [cluster]",
        ],
    );
    // Of other services the file says nothing.
    warns(MANIFEST, &[(cluster, "cluster: outbound|443||api.example.com")], &[]);
}

#[test]
fn names_that_envoy_gateway_does_not_make() {
    let cluster = "httproute/shop/search/rule/0-mirror-0";
    warns(
        GATEWAY,
        &[(cluster, "httproute/shop/search/rule/0-mirror-1")],
        &[
            "29: mirrors[0].cluster: no HTTPRoute in this file makes a cluster `httproute/shop/search/rule/0-mirror-1`; did you mean \
           `httproute/shop/search/rule/0-mirror-0` (line 10)? Write \"httproute/shop/search/rule/0-mirror-0\" [cluster]",
        ],
    );
    warns(
        GATEWAY,
        &[(cluster, "search-v2")],
        &["29: mirrors[0].cluster: no HTTPRoute in this file makes a cluster `search-v2`; write \
           \"httproute/NAMESPACE/ROUTE/rule/R-mirror-F\", with the places of rule and filter RequestMirror, from 0 [cluster]"],
    );
}

#[test]
fn paths_with_a_slash_too_many_or_too_few() {
    let path = |prefix: &str, replacement: &str| {
        format!(r#""percentage": 1, "path": {{"prefix": "{prefix}", "replacement": "{replacement}"}},"#)
    };
    warns(
        CAREFUL,
        &[(r#""percentage": 1,"#, &path("/api", "/"))],
        &[
            "27: mirrors[0].path.prefix: /api/x becomes //x, with two slashes, and /apis becomes /s; write \"prefix\": \"/api/\" [path-prefix]",
        ],
    );
    warns(
        CAREFUL,
        &[(r#""percentage": 1,"#, &path("/api/", "/v2"))],
        &["27: mirrors[0].path.prefix: /api/x becomes /v2x; write \"replacement\": \"/v2/\" [path-prefix]"],
    );
    for (prefix, replacement) in [("/api/", "/"), ("/api", "/v2"), ("/", "/v2/")] {
        warns(CAREFUL, &[(r#""percentage": 1,"#, &path(prefix, replacement))], &[]);
    }
}

/// Istio and kubectl make `true` and `false` of bare words, of keys, too. Envoy's own reader leaves keys alone.
#[test]
fn words_that_are_truth_values_to_yaml() {
    warns(
        MANIFEST,
        &[(
            "headers: { remove: [$credentials] }",
            "headers: { remove: [$credentials], set: { yes: a, 'no': b } }",
        )],
        &[
            "41: mirrors[0].headers.set.true: the key yes is read as \"true\" by YAML 1.1, which Kubernetes reads; write \"yes\" in quotes \
           [yaml-key]",
        ],
    );
    let said = |keys: &str| {
        check(
            "file",
            &read(MANIFEST).replace("      percentage: 1\n", &format!("      percentage: 1\n{keys}")),
        )
        .text
    };
    let text = said("      retry: { attempts: 1, on: [reset] }\n");
    assert!(
        text.contains(
            "\n  file:40: mirrors[0].retry.true: found an unknown key, expected retry_on (YAML 1.1, which Kubernetes reads, makes true of the key \
             on)\n"
        ),
        "{text}"
    );
    let text = said("      breaker: off\n");
    assert!(
        text.contains(
            "\n  file:40: mirrors[0].breaker: found false, expected an object with consecutive_failures and cooldown, or \"off\" (the file has \
             off, which YAML 1.1 takes for false, as Envoy and Kubernetes read it; \"off\" in quotes is text)\n"
        ),
        "{text}"
    );
    // In a bootstrap a key is what it says.
    let text =
        read("tests/check/bootstrap.yaml").replace("percentage: 0.5", "retry: { attempts: 1, on: [reset] }");
    let text = check("file", &text).text;
    assert!(text.contains("file:25: mirrors[0].retry.on: found an unknown key, expected retry_on"), "{text}");
    // `<<` is merged by Kubernetes.
    let text = read(MANIFEST).replace(
        "    mirrors:\n    - name: v2\n",
        "    mirrors:\n    - <<: { timeout: 2s, name: other }\n      name: v2\n",
    );
    let text = check("file", &text).text;
    assert!(text.contains("\n  v2\n") && text.contains("waits at most 2s"), "{text}");
}

/// What a template leaves behind, and numbers as others write them: the line, and what to write.
#[test]
fn values_that_somebody_meant() {
    let said = |line: &str| {
        let text = read(MANIFEST).replace("      percentage: 1\n", &format!("{line}\n"));
        let report = check("file", &text);
        assert_eq!(report.outcome, Outcome::Invalid, "{}", report.text);
        report.text.lines().nth(1).unwrap_or_default().trim().to_owned()
    };
    const SHARE: &str = "expected a number from 0 to 100";
    for (line, expected) in [
        ("      percentage: \"10\"", format!("found \"10\", {SHARE}: write 10 without quotes and without %")),
        ("      percentage: 10%", format!("found \"10%\", {SHARE}: write 10 without quotes and without %")),
        (
            "      percentage: { value: 10 }",
            format!(
                "found an object with 1 keys, {SHARE}; an object with value is VirtualService's form, here it is the number alone"
            ),
        ),
        ("      percentage: null", format!("found null, {SHARE}; leave the key out rather than write null")),
        ("      percentage:", format!("found null, {SHARE}; leave the key out rather than write null")),
    ] {
        assert_eq!(said(line), format!("file:39: mirrors[0].percentage: {expected}"));
    }
    assert_eq!(
        said("      redact:"),
        "file:39: mirrors[0].redact: found null, expected an object with headers, query, json and replacement; leave the key out rather than \
         write null"
    );
    assert_eq!(
        said("      exclude: null"),
        "file:39: mirrors[0].exclude: found null, expected a list of at most 64 conditions; leave the key out rather than write null"
    );
}

#[test]
fn the_cluster_of_a_control() {
    let tags = (
        "  - { tag_name: plugin,",
        "  - { tag_name: result, regex: '^wasmcustom\\.(?:.*;\\.;)?(result=\\.=(.*?);\\.;)' }\n  - { tag_name: kind, regex: \
         '^wasmcustom\\.(?:.*;\\.;)?(kind=\\.=(.*?);\\.;)' }\n  - { tag_name: plugin,",
    );
    let control =
        |cluster| format!(r#""cluster": "shop-v2", "compare": {{"control": {{"cluster": "{cluster}"}}}}"#);
    const SHADOW: &str = r#""cluster": "shop-v2""#;
    warns(
        CAREFUL,
        &[(SHADOW, &control("shop-v")), tags],
        &[
            "26: mirrors[0].compare.control.cluster: there is no cluster `shop-v` in this file; did you mean `shop-v2` (line 52)? \
           Write \"shop-v2\" [cluster]",
        ],
    );
    // It may be the primary's own, which gets a request of each route anyway.
    let breakers = ("  - name: primary\n", "  - name: primary\n    circuit_breakers: { thresholds: [{}] }\n");
    warns(CAREFUL, &[(SHADOW, &control("primary")), tags, breakers], &[]);
}

#[test]
fn what_a_comment_allows_is_not_said() {
    let text = read(CAREFUL)
        .replace("\"percentage\": 1,", "")
        .replace("\"cluster\": \"shop-v2\"", "\"cluster\": \"shop_v2\"");
    assert_eq!(warnings(&check("file", &text)).len(), 2);
    let allowed = format!("# shadow-filter: allow percentage, cluster\n{text}");
    assert_eq!(warnings(&check("file", &allowed)), [""; 0]);
    let misspelt = format!("# shadow-filter: allow percentage, clusters\n{text}");
    assert_eq!(
        warnings(&check("file", &misspelt)),
        [
            "27: mirrors[0].cluster: there is no cluster `shop_v2` in this file; did you mean `shop-v2` (line 53)? Write \"shop-v2\" [cluster]",
            "1: allow clusters: there is no such finding; did you mean cluster? [allow]",
        ]
    );
}

/// The answer of Envoy's admin to `/config_dump` has clusters and filters, too.
#[test]
fn a_running_envoy() {
    let bootstrap = shadow_filter_cli::yaml::documents(&read(CAREFUL)).expect("YAML").remove(0).value;
    let resources = &bootstrap["static_resources"];
    let any = |kind: &str| format!("type.googleapis.com/envoy.admin.v3.{kind}");
    let clusters = resources["clusters"].as_array().expect("clusters").iter();
    let clusters: Vec<_> = clusters.map(|cluster| serde_json::json!({"cluster": cluster})).collect();
    let dump = |cluster: &str| {
        let dump = serde_json::json!({"configs": [
            {"@type": any("ClustersConfigDump"), "static_clusters": [clusters[0]], "dynamic_active_clusters": [clusters[1]]},
            {"@type": any("ListenersConfigDump"), "static_listeners": [{"listener": resources["listeners"][0]}]},
        ]});
        let text = serde_json::to_string_pretty(&dump).expect("JSON");
        warnings(&check(
            "file",
            &text.replace(r#"\"cluster\": \"shop-v2\""#, &format!(r#"\"cluster\": \"{cluster}\""#)),
        ))
    };
    assert_eq!(dump("shop-v2"), [""; 0]);
    let [warning] = &dump("shop_v2")[..] else { panic!("one warning") };
    assert!(
        warning.contains(
            "mirrors[0].cluster: there is no cluster `shop_v2` in this file; did you mean `shop-v2` (line "
        ),
        "{warning}"
    );
}

#[test]
fn every_finding_is_in_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a README");
    let rows = readme.lines().skip_while(|line| !line.starts_with("| finding |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let named: BTreeSet<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(named, Name::ALL.map(|(_, name)| name).into());
}
