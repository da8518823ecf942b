// SPDX-License-Identifier: Apache-2.0
//! An Envoy filter that mirrors sampled requests to a shadow cluster.
//!
//! The life of a request, from top to bottom of the module list:
//!
//! 1. [`config`] says which mirrors there are; [`policy`] is what a worker runs on.
//! 2. [`sampling`] picks the mirrors that want this request. Most requests of a 1 % mirror end here, unread.
//!    A [`schedule`] says by the [`timestamp`] if there are any, and how large their share is by now.
//!    A [`target`] is the cluster that it goes to.
//! 3. [`head`] is the request's header block as the host gave it; [`capture`] collects the body within the [`budget`].
//! 4. [`request`] follows one request until it was read whole, or skips it with a reason: [`conditions`] judge its head,
//!    each value by a [`matcher`], those of the [`query`] decoded; [`cookies`] may have the key of a sticky sample.
//! 5. [`copy`] is what waits in the worker's outbox; [`outgoing`] are the headers that the shadow will see, with the
//!    mirror's [`edits`] and without what is [`reserved`] for the hop or to [`redact`].
//! 6. [`worker`] has the copies sent, few at once and many from a tick, and keeps those on the wire as [`flights`].
//!    The [`gate`] says if the mirror may have one more: a [`breaker`], the copies in flight, a [`token_bucket`].
//! 7. [`answer`] tells an answer from a failure; [`exchange`] brings it together with the primary's.
//!    Where a mirror asks for it, the two are [`compare`]d; [`json`] reads bodies, as it does for redaction.
//! 8. [`ledger`] adds up what happened, under the names of [`metrics`], until the next flush. A [`notice`] is for the log.
//!
//! Everything above is values and functions that get bytes, time and randomness as arguments. `proxy`
//! alone talks to Envoy: it reads the host, asks the modules above, and does what they say.

pub mod answer;
pub mod breaker;
pub mod budget;
pub mod capture;
pub mod compare;
pub mod conditions;
pub mod config;
pub mod cookies;
pub mod copy;
pub mod edits;
pub mod exchange;
pub mod flights;
pub mod gate;
pub mod head;
pub mod json;
pub mod ledger;
pub mod matcher;
pub mod metrics;
pub mod notice;
pub mod outgoing;
pub mod policy;
#[cfg(not(any(test, fuzzing, all(target_arch = "wasm32", target_os = "unknown"))))]
pub mod proxy;
pub mod query;
pub mod redact;
pub mod request;
pub mod reserved;
pub mod sampling;
pub mod schedule;
pub mod target;
pub mod timestamp;
pub mod token_bucket;
pub mod worker;
