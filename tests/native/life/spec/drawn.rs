// SPDX-License-Identifier: Apache-2.0
//! Configurations at random.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::{Body, BodyRule, Compare, ConfigSpec, Schedule, Spec};

pub fn config() -> impl Strategy<Value = ConfigSpec> {
    (any::<bool>(), any::<bool>(), prop::collection::vec(spec(), 1..4))
        .prop_map(|(loop_guard, annotate, mirrors)| ConfigSpec { loop_guard, annotate, mirrors })
}

/// Mirrors that copy everything, with breakers.
pub fn fragile() -> impl Strategy<Value = ConfigSpec> {
    let breaker = select(vec![(1, 300), (1, 100), (2, 700), (3, 100)]);
    let plain = |(mut config, breakers): (ConfigSpec, Vec<(u32, u64)>)| {
        for (spec, breaker) in config.mirrors.iter_mut().zip(breakers) {
            *spec = Spec {
                percentage: 100,
                sample_by: None,
                late: false,
                excludes: false,
                schedule: Schedule::Always,
                dry_run: false,
                burst: None,
                breaker: Some(breaker),
                ..spec.clone()
            };
        }
        config
    };
    (config(), prop::collection::vec(breaker, 3)).prop_map(plain)
}

fn spec() -> impl Strategy<Value = Spec> {
    let cluster = select(vec![Some("a"), Some("a"), Some("b"), None]);
    let sampling = select(vec![
        (100, None),
        (100, None),
        (0, None),
        (100, Some(false)),
        (40, Some(false)),
        (40, Some(true)),
        (80, Some(true)),
        (0, Some(true)),
    ]);
    let selection = (cluster, sampling, prop::bool::weighted(0.2), prop::bool::weighted(0.2), schedule());
    let body = prop_oneof![
        1 => Just(Body::None),
        4 => (select(vec![10usize, 24, 100, 1000]), any::<bool>())
            .prop_map(|(max_bytes, headers_only)| Body::Full { max_bytes, headers_only }),
    ];
    let transform = (body, prop::bool::weighted(0.25), prop::bool::weighted(0.25));
    let limits = (
        select(vec![None, None, Some(1), Some(2)]),
        select(vec![None, None, None, Some(1), Some(3)]),
        select(vec![None, Some((1, 300)), Some((1, 2000)), Some((2, 700)), Some((3, 100))]),
    );
    let compare = (
        any::<bool>(),
        select(vec![BodyRule::Off, BodyRule::Bytes, BodyRule::Json, BodyRule::Json]),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(header, body, short, ignores)| Compare { header, body, short, ignores });
    let rest = (
        select(vec![1u64, 2, 5]),
        prop::bool::weighted(0.1),
        prop::option::of(compare),
        (prop::bool::weighted(0.3), any::<bool>()),
    );
    (selection, transform, limits, rest).prop_map(|(selection, transform, limits, rest)| {
        let (cluster, (percentage, sample_by), only_post, excludes, schedule) = selection;
        let (body, redacts, retries) = transform;
        let (max_in_flight, burst, breaker) = limits;
        let (seconds, dry_run, compare, (late, successes)) = rest;
        // A share that grows is neither nothing nor everything on its way.
        let schedule =
            if sample_by.is_none() && schedule == Schedule::Ramp { Schedule::From } else { schedule };
        let timeout = Duration::from_secs(seconds);
        Spec {
            cluster,
            percentage,
            sample_by,
            only_post,
            late,
            successes,
            excludes,
            body,
            redacts,
            retries,
            timeout,
            max_in_flight,
            burst,
            breaker,
            schedule,
            dry_run,
            compare,
        }
    })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    select(vec![
        Schedule::Always,
        Schedule::Always,
        Schedule::Always,
        Schedule::From,
        Schedule::TenDays,
        Schedule::Ramp,
    ])
}
