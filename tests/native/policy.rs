// SPDX-License-Identifier: Apache-2.0
//! Who is copied, what a copy may contain, what the shadow may cost.

mod conditions;
mod content;
mod cost;
mod sample_by;
mod schedule;
mod target;
