// SPDX-License-Identifier: Apache-2.0
//! When a breaker opens, whom it lets through, and what closes it.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const COOLDOWN: Duration = Duration::from_secs(30);

fn breaker(consecutive_failures: u32) -> Breaker {
    Breaker::new(BreakerSettings { consecutive_failures, cooldown: COOLDOWN })
}

fn at(seconds: u64) -> Moment {
    Duration::from_secs(seconds)
}

#[test]
fn opens_after_failures_in_a_row_and_an_answer_ends_the_row() {
    let mut breaker = breaker(3);
    let pass = breaker.enter();
    for _ in 0..5 {
        assert_eq!(breaker.failed(pass, at(0)), None);
        assert_eq!(breaker.failed(pass, at(0)), None);
        assert_eq!(breaker.answered(pass), None);
    }
    assert_eq!(breaker.failed(pass, at(0)), None);
    assert_eq!(breaker.failed(pass, at(0)), None);
    assert!(breaker.admits(at(0)));
    assert_eq!(breaker.failed(pass, at(1)), Some(Transition::Opened { failures: 3, cooldown: COOLDOWN }));
    assert!(!breaker.admits(at(30)) && breaker.admits(at(31)));
}

#[test]
fn one_probe_decides_and_no_copy_from_before() {
    let mut breaker = breaker(1);
    let old = breaker.enter();
    assert!(!old.probe);
    breaker.failed(old, at(0));
    assert_eq!(breaker.answered(old), None);
    assert_eq!(breaker.failed(old, at(29)), None, "the cooldown is not prolonged");
    assert!(breaker.admits(at(30)));
    let probe = breaker.enter();
    assert!(probe.probe && !breaker.admits(at(1000)), "one probe at a time");
    assert_eq!((breaker.answered(old), breaker.failed(old, at(31))), (None, None));
    assert_eq!(breaker.failed(probe, at(40)), Some(Transition::Reopened { cooldown: COOLDOWN * 2 }));
    assert!(!breaker.admits(at(99)) && breaker.admits(at(100)));
    let probe = breaker.enter();
    assert_eq!(breaker.answered(probe), Some(Transition::Closed));
    assert!(breaker.is_closed() && breaker.admits(at(100)) && !breaker.enter().probe);
}

#[test]
fn copies_of_before_it_opened_do_not_count_after_it_has_closed() {
    let mut breaker = breaker(2);
    let old = breaker.enter();
    breaker.failed(old, at(0));
    breaker.failed(old, at(0));
    let probe = breaker.enter();
    breaker.answered(probe);
    for _ in 0..10 {
        assert_eq!(breaker.failed(old, at(31)), None);
    }
    let new = breaker.enter();
    assert_eq!(breaker.failed(new, at(32)), None);
    assert_eq!(breaker.answered(old), None, "nor does an answer of then end the row");
    assert!(matches!(breaker.failed(new, at(32)), Some(Transition::Opened { .. })));
}

#[test]
fn the_cooldown_doubles_to_ten_times_and_begins_anew() {
    let mut breaker = breaker(1);
    let pass = breaker.enter();
    breaker.failed(pass, at(0));
    let mut now = 0;
    for times in [1, 2, 4, 8, 10, 10] {
        now += 30 * times;
        assert!(!breaker.admits(at(now - 1)) && breaker.admits(at(now)), "{times} cooldowns");
        let probe = breaker.enter();
        breaker.failed(probe, at(now));
    }
    now += 300;
    let probe = breaker.enter();
    assert_eq!(breaker.answered(probe), Some(Transition::Closed));
    let pass = breaker.enter();
    assert_eq!(breaker.failed(pass, at(now)), Some(Transition::Opened { failures: 1, cooldown: COOLDOWN }));
}

#[test]
fn a_probe_that_was_not_sent_leaves_the_next_copy_to_be_one() {
    let mut breaker = breaker(1);
    let pass = breaker.enter();
    breaker.failed(pass, at(0));
    let probe = breaker.enter();
    breaker.not_sent(probe, at(30));
    assert!(breaker.admits(at(30)) && breaker.enter().probe);
    breaker.not_sent(pass, at(30));
    assert!(!breaker.admits(at(30)), "another copy that was not sent changes nothing");
}

#[cfg(not(target_arch = "wasm32"))]
proptest::proptest! {
    /// Whatever happens: no copy within a cooldown, one probe at a time, stragglers never count, never stuck.
    #[test]
    fn keeps_its_promises(limit in 1u32..5, events in proptest::collection::vec((0u8..4, 0usize..8, 0u64..40), 1..200)) {
        let mut breaker = breaker(limit);
        let (mut now, mut row, mut closed_until, mut times, mut opened) = (0, 0, None, 1, 0);
        // Passes under way, with how often the breaker had closed when each was given.
        let mut under_way: Vec<(Pass, usize)> = Vec::new();
        for (event, index, seconds) in events {
            now += seconds;
            let probes = under_way.iter().filter(|(pass, _)| pass.probe).count();
            if event == 0 || under_way.is_empty() {
                let admitted = breaker.admits(at(now));
                let expected = closed_until.is_none_or(|until| now >= until && probes == 0);
                proptest::prop_assert_eq!(admitted, expected);
                if admitted {
                    under_way.push((breaker.enter(), opened));
                }
                continue;
            }
            let (pass, then) = under_way.swap_remove(index % under_way.len());
            let counts = pass.probe || closed_until.is_none() && then == opened;
            match event {
                1 => {
                    let change = breaker.answered(pass);
                    proptest::prop_assert_eq!(change == Some(Transition::Closed), pass.probe);
                    if pass.probe {
                        (closed_until, opened, times) = (None, opened + 1, 1);
                    }
                    if counts {
                        row = 0;
                    }
                }
                2 => {
                    breaker.failed(pass, at(now));
                    row += u32::from(counts);
                    if pass.probe {
                        times = (times * 2).min(10);
                    }
                    if counts && (pass.probe || row >= limit) {
                        closed_until = Some(now + COOLDOWN.as_secs() * times);
                    }
                }
                _ => {
                    breaker.not_sent(pass, at(now));
                    if pass.probe {
                        closed_until = Some(now);
                    }
                }
            }
            proptest::prop_assert_eq!(breaker.is_closed(), closed_until.is_none());
        }
    }
}
