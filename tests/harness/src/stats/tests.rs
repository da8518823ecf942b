// SPDX-License-Identifier: Apache-2.0

use super::{Histogram, Stats};

const PROMETHEUS: &str = r#"# TYPE shadow_requests_total counter
shadow_requests_total{mirror="v2"} 10
shadow_skipped_total{mirror="v2",reason="unsampled"} 3
shadow_skipped_total{mirror="v2",reason="loop"} 0
shadow_sent_total{mirror="v2"} 6
shadow_failed_total{mirror="v2",reason="rejected"} 1
shadow_failed_total{mirror="v2",reason="timeout"} 2
shadow_responses_total{mirror="v2",side="shadow",class="2xx"} 3
shadow_responses_total{mirror="v2",side="primary",class="2xx"} 6
shadow_in_flight{mirror="v2"} 1
shadow_config_invalid{plugin="a \"quoted\", name"} 1
# TYPE shadow_duration_microseconds histogram
shadow_duration_microseconds_bucket{mirror="v2",side="shadow",le="1"} 1
shadow_duration_microseconds_bucket{mirror="v2",side="shadow",le="+Inf"} 2
shadow_duration_microseconds_sum{mirror="v2",side="shadow"} 7.5
shadow_duration_microseconds_count{mirror="v2",side="shadow"} 2
envoy_cluster_upstream_rq_total{envoy_cluster_name="shadow"} 6
"#;

fn stats() -> Stats {
    Stats::parse(PROMETHEUS, "cluster.shadow.upstream_rq_total: 6\na.histogram: No recorded values\n")
        .unwrap()
}

#[test]
fn a_counter_is_the_sum_over_the_labels_that_are_not_named() {
    let stats = stats();
    assert_eq!(stats.counter("shadow_responses_total", &[("mirror", "v2")]), 9);
    assert_eq!(stats.counter("shadow_responses_total", &[("side", "shadow"), ("mirror", "v2")]), 3);
    assert_eq!(stats.counter("shadow_responses_total", &[("mirror", "v3")]), 0);
    assert_eq!(stats.gauge("shadow_config_invalid", &[("plugin", "a \"quoted\", name")]), 1);
    assert_eq!(stats.envoy("cluster.shadow.upstream_rq_total"), 6);
}

#[test]
fn a_metric_that_is_zero_exists() {
    let stats = stats();
    assert!(stats.exists("shadow_skipped_total", &[("reason", "loop")]));
    assert!(stats.exists("shadow_duration_microseconds", &[("side", "shadow")]));
    assert!(!stats.exists("shadow_skipped_total", &[("reason", "memory")]));
}

#[test]
fn reasons_are_those_that_happened() {
    let skipped = stats().skipped("v2");
    assert_eq!(skipped.into_iter().collect::<Vec<_>>(), [("unsampled".to_owned(), 3)]);
}

#[test]
fn a_histogram_has_its_buckets_in_order() {
    let histogram = stats().histogram("shadow_duration_microseconds", &[("mirror", "v2")]);
    let expected = Histogram { count: 2, sum: 7.5, buckets: vec![(1.0, 1), (f64::INFINITY, 2)] };
    assert_eq!(histogram, expected);
}

#[test]
fn equations_that_hold_are_accepted_and_others_shown_with_their_terms() {
    stats().check_equations().unwrap();

    let lost = PROMETHEUS.replace("shadow_in_flight{mirror=\"v2\"} 1", "shadow_in_flight{mirror=\"v2\"} 0");
    let error = Stats::parse(&lost, "").unwrap().check_equations().unwrap_err().to_string();
    assert!(error.contains("mirror v2: sent 6 ≠ responses{side=shadow} 3"), "{error}");
    assert!(!error.contains("requests 10"), "{error}");
}
