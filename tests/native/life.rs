// SPDX-License-Identifier: Apache-2.0
//! Whole lives of requests, copies and configurations against a model: for each mirror exactly what the contract says is counted
//! and sent, whatever comes in whatever order, with host calls that fail and roots that end without a word.

mod answers;
mod gate;
mod model;
mod spec;
mod step;
mod world;

use proptest::prelude::*;

use self::spec::ConfigSpec;
use self::step::{CONFIGS, Step};
use self::world::World;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_is_counted_is_what_the_contract_says(
        configs in prop::collection::vec(spec::config(), CONFIGS),
        steps in prop::collection::vec(step::step(), 1..80),
    ) {
        live(configs, steps);
    }

    #[test]
    fn breakers_open_probe_and_close_as_the_contract_says(
        config in spec::fragile(),
        steps in prop::collection::vec(step::of_breakers(), 1..60),
    ) {
        live(vec![config], steps);
    }
}

fn live(configs: Vec<ConfigSpec>, steps: Vec<Step>) {
    let mut world = World::start(configs);
    for step in steps {
        world.take(step);
    }
    world.settle();
}
