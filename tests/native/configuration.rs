// SPDX-License-Identifier: Apache-2.0
//! What a configuration does to the filter: a valid one, an invalid one, and one that is refused.

use serde_json::{Value, json};

use crate::protobuf::as_struct;
use crate::sim::{Level, PLUGIN, Sim};

const INVALID: &[u8] = br#"{"mirrors": [{"cluster": "c", "percentage": 120}], "loop_guard": 1}"#;

fn valid() -> Value {
    json!({"mirrors": [{"cluster": "shadow", "name": "m"}]})
}

fn is_invalid(sim: &Sim) -> Option<i64> {
    let labels = [("plugin", PLUGIN)];
    sim.has_metric("shadow_config_invalid").then(|| sim.metric("shadow_config_invalid", &labels))
}

/// Whether a request is mirrored, after it went through undisturbed.
fn mirrors(sim: &mut Sim) -> bool {
    let before = sim.callouts().len();
    let stream = sim.request().method("POST").body("x").trailers().send();
    stream.respond(200);
    stream.gone();
    sim.rest();
    sim.callouts().len() > before
}

#[test]
fn a_valid_one_is_taken_and_told() {
    let mut sim = Sim::with_config(valid());
    assert!(sim.accepted());
    assert_eq!(is_invalid(&sim), Some(0));
    assert_eq!(sim.logged(Level::Info), ["mirroring 100 % of requests to cluster shadow as m"]);
    assert!(mirrors(&mut sim));
}

#[test]
fn a_struct_is_taken_like_json() {
    let mut sim = Sim::with_bytes(&as_struct(&valid()));
    assert!(sim.accepted());
    assert_eq!(is_invalid(&sim), Some(0));
    assert!(mirrors(&mut sim));
}

#[test]
fn an_invalid_one_leaves_the_filter_inert_with_every_fault_in_the_log() {
    let mut sim = Sim::with_bytes(INVALID);
    assert!(sim.accepted());
    assert_eq!(is_invalid(&sim), Some(1));
    assert_eq!(
        sim.errors(),
        [
            "mirrors[0].percentage: found 120, expected a number from 0 to 100",
            "loop_guard: found 1, expected true or false",
            "the configuration is invalid: nothing is mirrored until it is fixed",
        ]
    );
    assert!(!mirrors(&mut sim));
    assert_eq!(sim.tick_period(), None);
}

#[test]
fn none_at_all_is_invalid() {
    let mut sim = Sim::with_bytes(b"");
    assert_eq!(is_invalid(&sim), Some(1));
    assert_eq!(sim.errors()[0], "configuration: found nothing (0 bytes), expected a JSON object");
    assert!(!mirrors(&mut sim));
    assert!(!Sim::strict(b"").accepted());
}

#[test]
fn any_bytes_are_a_configuration_or_an_error() {
    let mut whole = as_struct(&valid());
    whole.truncate(whole.len() - 1);
    for bytes in [&b"\xff\xfe"[..], b"\0", b"\n", b"\n\x01", b"\"", b"[[[[", &whole, &[b'['; 100_000]] {
        let sim = Sim::with_bytes(bytes);
        assert!(sim.accepted());
        assert_eq!(is_invalid(&sim), Some(1));
        assert!(sim.errors().len() >= 2);
        assert!(sim.errors().iter().all(|line| line.len() < 500 && !line.contains('\n')));
    }
}

#[test]
fn strict_refuses_an_invalid_one_and_leaves_the_gauge_alone() {
    let sim = Sim::strict(INVALID);
    assert!(!sim.accepted());
    assert_eq!(is_invalid(&sim), None);
    let errors = sim.errors();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert_eq!(errors[2], "the configuration is invalid and refused");
}

#[test]
fn strict_takes_a_valid_one() {
    let mut sim = Sim::strict(valid().to_string().as_bytes());
    assert!(sim.accepted());
    assert_eq!(is_invalid(&sim), Some(0));
    assert!(mirrors(&mut sim));
}

#[test]
fn the_old_one_goes_on_where_strict_refuses_a_new_one() {
    let mut sim = Sim::strict(valid().to_string().as_bytes());
    sim.reconfigure_same_root("{}");
    assert!(!sim.accepted());
    assert_eq!(is_invalid(&sim), Some(0));
    assert!(mirrors(&mut sim));
}

#[test]
fn the_gauge_follows_each_configuration() {
    let mut sim = Sim::with_config(valid());
    sim.reconfigure_same_root("{}");
    assert_eq!(is_invalid(&sim), Some(1));
    assert!(!mirrors(&mut sim));
    sim.reconfigure_same_root(valid());
    assert_eq!(is_invalid(&sim), Some(0));
    sim.new_root("{}");
    assert_eq!(is_invalid(&sim), Some(1));
    sim.new_root(valid());
    assert_eq!(is_invalid(&sim), Some(0));
    assert!(mirrors(&mut sim));
}

#[test]
fn strict_is_said_in_every_usual_way() {
    use shadow_filter::proxy::OnInvalid::{self, Inert, Refuse};
    for (value, expected) in [
        (None, (Inert, true)),
        (Some(""), (Inert, true)),
        (Some("0"), (Inert, true)),
        (Some("false"), (Inert, true)),
        (Some("1"), (Refuse, true)),
        (Some("true"), (Refuse, true)),
        (Some("yes"), (Refuse, false)),
    ] {
        assert_eq!(OnInvalid::named(value), expected, "{value:?}");
    }
}
