// SPDX-License-Identifier: Apache-2.0
//! The primary's answers with the filter, without it, and with Envoy's own mirroring, in turns, while faults go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use harness::client::{Http1, Request};

use super::crowd;
use super::fault::Crowd;
use super::primaries::NUMBER;
use super::rig::Group;
use crate::load::{self, Make, Tally, window};

/// One group under faults.
#[derive(Default)]
pub struct Measured {
    pub with: Side,
    pub without: Side,
    /// Of one fault alone: Envoy's own mirroring to the same clusters.
    pub native: Side,
}

#[derive(Default)]
pub struct Side {
    pub all: Tally,
    /// P99 of each round in milliseconds.
    pub p99: Vec<f64>,
    /// Of the crowd's whole requests, those without an answer.
    pub crowd_failed: u64,
}

/// Where each side listens.
pub struct Addresses {
    pub with: SocketAddr,
    pub without: SocketAddr,
    pub native: Option<SocketAddr>,
}

/// The filter may add this many times what Envoy's own mirroring adds.
const NATIVE: f64 = 1.5;

pub struct Pace {
    pub rate: f64,
    pub rounds: u32,
    pub window: Duration,
}

/// Adds some rounds. Each begins with another side.
pub async fn measure(
    measured: &mut Measured,
    group: &Group,
    addresses: &Addresses,
    pace: &Pace,
) -> Result<()> {
    let changes = group.iter().any(|fault| fault.change().is_some());
    let make = requests(changes);
    let crowds: Vec<Crowd> = group.iter().filter_map(|fault| fault.crowd()).collect();
    let Measured { with, without, native } = measured;
    let mut sides = vec![(with, addresses.with), (without, addresses.without)];
    sides.extend(addresses.native.map(|address| (native, address)));
    let clients: Vec<Http1> = sides.iter().map(|(_, address)| load::client(*address)).collect();
    for round in 0..pace.rounds as usize {
        for step in 0..sides.len() {
            let at = (round + step) % sides.len();
            if let (Some((side, address)), Some(client)) = (sides.get_mut(at), clients.get(at)) {
                side.round(client, *address, &crowds, pace, &make).await?;
            }
        }
    }
    Ok(())
}

impl Side {
    async fn round(
        &mut self,
        client: &Http1,
        address: SocketAddr,
        crowds: &[Crowd],
        pace: &Pace,
        make: &Make,
    ) -> Result<()> {
        let mut coming = tokio::task::JoinSet::new();
        for &crowd in crowds {
            let length = pace.window;
            coming.spawn(async move { crowd::come(crowd, address, length).await });
        }
        let tally = window(client, pace.rate, pace.window, make).await;
        self.p99.push(tally.quantile(0.99));
        self.all.add(&tally);
        while let Some(came) = coming.join_next().await {
            // What breaks off here breaks off for clients that misbehave.
            self.crowd_failed += came?.unwrap_or(0);
        }
        Ok(())
    }
}

impl Measured {
    /// How far the P99 without the filter is from itself, from round to round.
    pub fn noise(&self) -> f64 {
        let all = || self.without.p99.iter().copied();
        all().fold(f64::MIN, f64::max) - all().fold(f64::MAX, f64::min)
    }

    /// By how much the P99 is larger with the filter.
    pub fn added(&self) -> f64 {
        median(&self.with.p99) - median(&self.without.p99)
    }

    /// By how much it is larger with Envoy's own mirroring; not below 0.
    pub fn added_by_native(&self) -> f64 {
        (median(&self.native.p99) - median(&self.without.p99)).max(0.0)
    }

    /// Whether the filter adds more than chance, what is allowed, and what any mirroring to this shadow adds: clients,
    /// primary and shadows share the processors with Envoy.
    pub fn is_slower(&self, allowed: f64) -> bool {
        self.added() > self.noise() + allowed + NATIVE * self.added_by_native()
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        (at(middle.saturating_sub(1)) + at(middle)) / 2.0
    } else {
        at(middle)
    }
}

/// Small uploads, which the primary repeats.
fn requests(own_connections: bool) -> Make {
    Arc::new(move |number| {
        let body = format!("request {number} {}", "x".repeat(number as usize % 700));
        let request = Request::post("/load", body).header(NUMBER, number.to_string());
        if own_connections { request.header("connection", "close") } else { request }
    })
}
