// SPDX-License-Identifier: Apache-2.0
//! Who sends exchanges and copies, and what they are told: connections, TLS, bounds of memory, batches. What becomes of an exchange
//! is for a [`Taker`] to say.

mod batch;
mod body;
mod budget;
mod copy;
mod counts;
mod listener;
mod reply;
mod service;
mod tls;

pub use self::budget::{Budget, Charge};
pub use self::counts::Counts;
pub use self::listener::{Listeners, Stop, is_loopback, serve, stop};
pub use self::reply::{Reply, text};
pub use self::service::{Intake, Limits, Refusal, Taken, Taker};
pub use self::tls::{TlsOptions, read_certificates, read_key};

#[cfg(test)]
mod tests;
