// SPDX-License-Identifier: Apache-2.0
//! Whether an exchange differs between the two sides; if so, again and again, and made as small as it can be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::client::Http2;
use proptest::strategy::ValueTree;
use tokio::time::sleep;

use super::case::Case;
use super::exchange::{self, hold, primary_saw};
use super::generate;
use super::rig::Rig;

/// How often a difference is looked for again.
const AGAIN: usize = 3;
/// Likewise where either side may be the faster one.
const AGAIN_IF_RACE: usize = 8;
/// The most tries to make a case smaller, and the longest time.
const SHRINKING: usize = 300;
const LONGEST: Duration = Duration::from_secs(30);
/// For a request that broke off to be recorded.
const LATE: Duration = Duration::from_millis(30);
const LATE_TRIES: usize = 12;

/// A difference between the two sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// `client` or `primary`.
    pub end: &'static str,
    pub with: String,
    pub without: String,
}

/// The connections of one sender: by whether the primary speaks HTTP/2, with the filter and without.
pub struct Clients([[Http2; 2]; 2]);

impl Clients {
    pub fn of(rig: &Rig) -> Self {
        let pair = |http2| rig.sides(http2).each_ref().map(exchange::http2);
        Self([pair(false), pair(true)])
    }
}

/// Holds an exchange on both sides.
pub async fn differs(rig: &Rig, clients: &Clients, case: &Case) -> Option<Difference> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    rig.expect(id, &case.answer);
    let [with, without] = rig.sides(case.http2_upstream);
    let [one, two] = &clients.0;
    let [with_client, without_client] = if case.http2_upstream { two } else { one };
    let seen = tokio::join!(hold(with, with_client, case, id), hold(without, without_client, case, id));
    let mut primaries = (primary_saw(with, id), primary_saw(without, id));
    let tries = if case.is_race() { LATE_TRIES } else { 1 };
    for _ in 0..tries {
        if primaries.0 == primaries.1 {
            break;
        }
        sleep(LATE).await;
        primaries = (primary_saw(with, id), primary_saw(without, id));
    }
    rig.forget(id);
    difference("client", &seen.0, &seen.1).or_else(|| difference("primary", &primaries.0, &primaries.1))
}

fn difference(end: &'static str, with: &[String], without: &[String]) -> Option<Difference> {
    if with == without {
        return None;
    }
    Some(Difference { end, with: with.join("\n---\n"), without: without.join("\n---\n") })
}

/// The last difference, if there is one each time. Of a race it has to be the same one.
pub async fn always_differs(rig: &Rig, clients: &Clients, case: &Case) -> Option<Difference> {
    let first = differs(rig, clients, case).await?;
    let times = if case.is_race() { AGAIN_IF_RACE } else { AGAIN };
    for _ in 1..times {
        let again = differs(rig, clients, case).await?;
        if case.is_race() && again != first {
            return None;
        }
    }
    Some(first)
}

impl Difference {
    /// Which side failed more: that with the filter, or the one without.
    pub fn worse(&self) -> std::cmp::Ordering {
        failures(&self.with).cmp(&failures(&self.without))
    }
}

/// Signs that an exchange broke off.
fn failures(seen: &str) -> usize {
    const SIGNS: [&str; 6] =
        ["502 HTTP", "503 HTTP", "connection ended", "cut: ", "no answer in time", "complete: false"];
    SIGNS.iter().map(|sign| seen.matches(sign).count()).sum()
}

/// The smallest case found that still differs, each time, and how.
pub async fn shrink(rig: &Rig, seed: u64, number: u64, difference: Difference) -> (Case, Difference) {
    let clients = Clients::of(rig);
    let mut tree = generate::tree(seed, number);
    let mut smallest = (tree.current(), difference);
    let mut tries = 0;
    let start = Instant::now();
    let enough = |tries| tries >= SHRINKING || start.elapsed() > LONGEST;
    while !enough(tries) && tree.simplify() {
        loop {
            tries += 1;
            let case = tree.current();
            if let Some(difference) = always_differs(rig, &clients, &case).await {
                smallest = (case, difference);
                break;
            }
            if enough(tries) || !tree.complicate() {
                return smallest;
            }
        }
    }
    smallest
}
