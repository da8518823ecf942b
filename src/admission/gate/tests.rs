// SPDX-License-Identifier: Apache-2.0
//! What enters, and what is taken by what does not.

use std::time::Duration;

use super::*;
use crate::admission::Rate;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NOW: Moment = Duration::from_secs(1000);

fn gate(max_in_flight: u32, burst: u32) -> Gate {
    let rate = Some(Rate { per_second: 0.001, burst });
    let breaker = BreakerSettings { consecutive_failures: 1, cooldown: Duration::from_secs(30) };
    let limits = Limits { max_in_flight, rate, scope: Scope::Worker };
    Gate::new(limits, Some(breaker), ["a", "b"].into_iter(), 1, Duration::from_secs(5))
}

#[test]
fn a_copy_that_may_not_enter_takes_no_token() {
    let gate = gate(1, 2);
    let first = gate.enter(0, NOW).expect("free");
    for _ in 0..10 {
        assert_eq!(gate.enter(0, NOW).err(), Some(Denial::InFlight));
    }
    assert_eq!(gate.leave(first, Ending::Answered, NOW), None);
    let second = gate.enter(0, NOW).expect("one token is left");
    assert_eq!(gate.leave(second, Ending::Answered, NOW), None);
    assert_eq!(gate.enter(0, NOW).err(), Some(Denial::Rate));
}

#[test]
fn a_copy_that_may_not_enter_is_no_probe() {
    let gate = gate(9, 1);
    let first = gate.enter(0, NOW).expect("free");
    assert!(matches!(gate.leave(first, Ending::Failed, NOW), Some(Transition::Opened { .. })));
    assert_eq!(gate.enter(0, NOW).err(), Some(Denial::Breaker));
    let later = NOW + Duration::from_secs(31);
    assert_eq!(gate.enter(0, later).err(), Some(Denial::Rate));
    assert!(gate.breaker_admits(0, later), "the probe was not used up");
    let much_later = NOW + Duration::from_secs(1001);
    let probe = gate.enter(0, much_later).expect("a token again");
    assert!(probe.is_probe() && !gate.breaker_admits(0, much_later));
    assert_eq!(gate.leave(probe, Ending::Answered, much_later), Some(Transition::Closed));
}

#[test]
fn a_dead_target_does_not_stop_copies_to_another() {
    let gate = gate(9, 9);
    let dead = gate.enter(0, NOW).expect("free");
    assert!(gate.leave(dead, Ending::Failed, NOW).is_some());
    assert_eq!(gate.enter(0, NOW).err(), Some(Denial::Breaker));
    assert!(gate.enter(1, NOW).is_ok() && !gate.breakers_are_closed());
}
