// SPDX-License-Identifier: Apache-2.0
//! What real Envoys said (1.40.0, 1,500 requests, mirrors `v2` and `v3-canary`), and what they might say.

use super::*;

const TAGGED: &str = include_str!("../../../tests/recorded/tagged.prom");
const UNTAGGED: &str = include_str!("../../../tests/recorded/untagged.prom");
/// Of the same Envoy and moment as `TAGGED`.
const DETAILED: &str = include_str!("../../../tests/recorded/detailed.json");
/// Of the same Envoy and moment as `UNTAGGED`.
const CUMULATIVE: &str = include_str!("../../../tests/recorded/cumulative.json");

fn tally(text: &str, mirror: &str) -> Tally {
    Reading::parse(text).unwrap().tally(mirror).unwrap()
}

fn counts(pairs: &[(&str, u64)]) -> Counts {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn prometheus_text_has_every_number() {
    let found = tally(TAGGED, "v2");
    assert_eq!((found.requests, found.sent, found.in_flight, found.breaker_open), (1500, 1500, 0, 0));
    let classes = [("1xx", 0), ("2xx", 1464), ("3xx", 0), ("4xx", 24), ("5xx", 12)];
    assert_eq!(found.primary.classes, counts(&classes));
    let classes = [("1xx", 0), ("2xx", 1402), ("3xx", 0), ("4xx", 43), ("5xx", 33)];
    assert_eq!(found.shadow.classes, counts(&classes));
    assert_eq!(found.failed.get("timeout"), Some(&22));
    assert_eq!(found.baseline().server_errors(), (12, 1500));
    assert_eq!(found.shadow_ends().server_errors(), (55, 1500));
    assert_eq!(found.samples(), 1500);
    assert!(found.skipped.values().all(|count| *count == 0) && found.skipped.len() == 15);
    assert_eq!(tally(TAGGED, "v3-canary").skipped.get("unsampled"), Some(&1207));
    let durations = &found.primary.durations;
    assert_eq!(durations.measured(), 1500);
    // What Envoy says is at most 2 ms was less than 3 ms before it became whole.
    let first = Bucket { lower: 2.0, upper: 3.0, count: 3 };
    let second = Bucket { lower: 3.0, upper: 6.0, count: 89 };
    assert_eq!(durations.buckets[..2], [first, second]);
}

#[test]
fn envoys_own_json_says_the_same_in_finer_buckets() {
    for mirror in ["v2", "v3-canary"] {
        let (text, json) = (tally(TAGGED, mirror), tally(DETAILED, mirror));
        for (coarse, fine) in [(&text.primary, &json.primary), (&text.shadow, &json.shadow)] {
            assert_eq!(coarse.durations.measured(), fine.durations.measured());
            assert!(fine.durations.buckets.len() > coarse.durations.buckets.len());
            let is_fine = |bucket: &Bucket| bucket.upper < (bucket.lower * 1.11).max(bucket.lower + 1.01);
            assert!(fine.durations.buckets.iter().all(is_fine));
        }
        let without = |mut tally: Tally| {
            (tally.primary.durations, tally.shadow.durations) = Default::default();
            tally
        };
        assert_eq!(without(text), without(json));
    }
}

#[test]
fn without_tag_rules_the_labels_are_in_the_names() {
    let reading = Reading::parse(UNTAGGED).unwrap();
    // Prometheus' alphabet has no hyphen.
    assert_eq!(reading.mirrors(), ["v2".to_owned(), "v3_canary".to_owned()].into());
    for (text, json) in [("v2", "v2"), ("v3_canary", "v3-canary")] {
        let expected = Tally { mirror: text.to_owned(), ..tally(CUMULATIVE, json) };
        assert_eq!(tally(UNTAGGED, text), expected);
    }
}

#[test]
fn a_difference_of_readings_is_what_happened_in_between() {
    let later = Reading::parse(TAGGED).unwrap();
    let earlier: String = TAGGED.replace(" 1500\n", " 1000\n").replace(" 1464\n", " 1000\n");
    let (since, anew) = later.since(&Reading::parse(&earlier).unwrap());
    let found = since.tally("v2").unwrap();
    assert!(!anew);
    assert_eq!((found.requests, found.primary.of("2xx"), found.primary.of("5xx")), (500, 464, 0));
    // An Envoy that began anew has smaller numbers; they are all since then.
    let larger = TAGGED.replace(" 1464\n", " 9999\n");
    let (since, anew) = later.since(&Reading::parse(&larger).unwrap());
    assert!(anew);
    assert_eq!(since, later);
}

#[test]
fn a_gauge_is_not_subtracted() {
    let now = Reading::parse("shadow_in_flight{mirror=\"a\"} 3\n").unwrap();
    let before = Reading::parse("shadow_in_flight{mirror=\"a\"} 5\n").unwrap();
    let (since, anew) = now.since(&before);
    assert_eq!((since.tally("a").unwrap().in_flight, anew), (3, false));
}

#[test]
fn readings_survive_a_file() {
    for text in [TAGGED, UNTAGGED, DETAILED, CUMULATIVE] {
        let reading = Reading::parse(text).unwrap();
        let back: Reading = serde_json::from_str(&serde_json::to_string(&reading).unwrap()).unwrap();
        assert_eq!(back, reading);
    }
}

#[test]
fn several_envoys_add_up() {
    let mut both = Reading::parse(DETAILED).unwrap();
    both.merge(&Reading::parse(CUMULATIVE).unwrap());
    // But not if their buckets cross.
    assert!(both.tally("v2").unwrap_err().to_string().contains("different buckets"));
    let mut twice = Reading::parse(DETAILED).unwrap();
    twice.merge(&twice.clone());
    assert_eq!(twice.tally("v2").unwrap().samples(), 3000);
    assert_eq!(twice.tally("v2").unwrap().primary.durations.measured(), 3000);
}

#[test]
fn comparisons_and_strange_labels_are_read() {
    let text = "# HELP x y\nshadow_comparisons_total{result=\"match\",mirror=\"a\",pod=\"x\\\"},{\\\\\"} 90 1700000000000\n\
                shadow_comparisons_total{result=\"mismatch\",mirror=\"a\",} 1e1\n\
                shadow_differences_total{kind=\"body\",mirror=\"a\"} 10\nnonsense\nshadow_sent_total{mirror=\"a} 1\n";
    let found = tally(text, "a");
    assert_eq!(found.mismatches(), (10, 100));
    assert_eq!(found.differences, counts(&[("body", 10)]));
}

#[test]
fn microseconds_and_milliseconds_are_the_same_times() {
    let text = |unit: &str, scale: f64| {
        let bucket = |end: f64, count: u64| {
            format!(
                "shadow_duration_{unit}_bucket{{mirror=\"a\",side=\"shadow\",le=\"{}\"}} {count}\n",
                end * scale
            )
        };
        bucket(12.0, 3) + &bucket(25.0, 8)
    };
    let (micros, millis) =
        (tally(&text("microseconds", 1000.0), "a"), tally(&text("milliseconds", 1.0), "a"));
    assert_eq!(micros.shadow.durations, millis.shadow.durations);
    let second = Bucket { lower: 13.0, upper: 26.0, count: 5 };
    assert_eq!(micros.shadow.durations.buckets[1], second);
    // Envoy's own buckets, too.
    let detailed = DETAILED.replace("milliseconds", "microseconds");
    let found = tally(&detailed, "v2").primary.durations;
    assert_eq!(found.buckets[0].lower * 1000.0, tally(DETAILED, "v2").primary.durations.buckets[0].lower);
}

#[test]
fn slowdowns_are_read_in_times() {
    let text = "shadow_slowdown_percent_bucket{mirror=\"a\",le=\"50\"} 2\nshadow_slowdown_percent_bucket{mirror=\"a\",le=\"100\"} 5\n\
                shadow_slowdown_percent_bucket{mirror=\"a\",le=\"+Inf\"} 6\n";
    let bucket = |lower, upper, count| Bucket { lower, upper, count };
    let expected = [bucket(0.0, 0.51, 2), bucket(0.51, 1.1, 3), bucket(1.1, f64::INFINITY, 1)];
    assert_eq!(tally(text, "a").slowdown.buckets, expected);
    let json = r#"{"stats": [{"histograms": {"details": [{"name": "wasmcustom.mirror=.=a;.;shadow_slowdown_percent",
        "totals": [{"lower_bound": 100, "width": 10, "count": 7}]}]}}]}"#;
    assert_eq!(tally(json, "a").slowdown.buckets, [bucket(1.0, 1.1, 7)]);
}

#[test]
fn a_bin_ends_where_the_next_begins() {
    for (bound, end) in [(0.0, 1.0), (1.0, 2.0), (9.0, 10.0), (12.0, 13.0), (100.0, 110.0), (105.0, 110.0)] {
        assert_eq!(end_of_bin(bound), end, "{bound}");
    }
    assert_eq!((end_of_bin(990.0), end_of_bin(60e6)), (1000.0, 61e6));
}

#[test]
fn a_control_belongs_to_its_mirror_and_grpc_and_configuration_are_read() {
    let text = "shadow_sent_total{mirror=\"a\"} 5\nshadow_sent_total{mirror=\"a-control\"} 4\n\
                shadow_grpc_responses_total{mirror=\"a\",side=\"shadow\",status=\"INTERNAL\"} 3\n\
                shadow_config_invalid{plugin=\"shadow\"} 1\nshadow_config_invalid{plugin=\"other\"} 0\n";
    let found = tally(text, "a");
    assert_eq!(found.shadow.grpc, counts(&[("INTERNAL", 3)]));
    assert_eq!(
        found.control.map(|control| (control.mirror, control.sent)),
        Some(("a-control".to_owned(), 4))
    );
    assert_eq!(Reading::parse(text).unwrap().invalid_plugins(), ["shadow"]);
    assert_eq!(tally(text, "a-control").control, None);
}

#[test]
fn quantiles_instead_of_buckets_are_refused() {
    let text = r#"{"stats": [{"histograms": {"supported_quantiles": [0], "computed_quantiles":
        [{"name": "wasmcustom.mirror=.=v2;.;side=.=primary;.;shadow_duration_milliseconds", "values": []}]}}]}"#;
    assert!(Reading::parse(text).unwrap_err().to_string().contains("histogram_buckets=detailed"));
    assert!(Reading::parse("{\"x\": 1}").is_err());
    assert!(Reading::parse("<html>").unwrap().is_empty());
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in "\\PC{0,200}", name in "[a-z_{}=\",. 0-9]{0,60}") {
        let _ = Reading::parse(&text);
        let _ = Reading::parse(&format!("{{{text}"));
        let _ = Reading::parse(&format!("shadow_sent_total{name}\nmirror___{name}shadow_sent_total 1"));
    }
}
