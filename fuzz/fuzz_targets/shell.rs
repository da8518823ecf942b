// SPDX-License-Identifier: Apache-2.0
//! The filter's exports in any order that a host may call them in, and in some that none would, with host calls that fail, several
//! roots and VMs that start anew: nothing panics, the primary always goes on, each copy is whole and sent once, and at
//! rest the sums are right and the gauges 0.
#![no_main]

#[path = "shell/books.rs"]
mod books;
#[path = "shell/configurations.rs"]
mod configurations;
#[path = "shell/step.rs"]
mod step;
#[path = "shell/world.rs"]
mod world;

use libfuzzer_sys::fuzz_target;

use self::step::Step;
use self::world::World;

fuzz_target!(|input: (bool, u8, Vec<Step>)| {
    let (strict, config, steps) = input;
    let mut world = World::start(strict, config);
    for step in steps {
        world.take(step);
    }
    world.settle();
});
