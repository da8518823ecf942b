// SPDX-License-Identifier: Apache-2.0
//! How the requests of one side ended, answers that never came included.

use super::{Counts, Side};
use crate::verdict::statistics::Histogram;

/// What OpenTelemetry's conventions for gRPC call errors of the server.
#[cfg(test)]
const SERVER: [&str; 6] =
    ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];
/// Every other status that gRPC has but `OK`: what 4xx are.
const CLIENT: [&str; 10] = [
    "CANCELLED",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNAUTHENTICATED",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Primary,
    Control,
    Shadow,
}

impl Who {
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Control => "control",
            Self::Shadow => "shadow",
        }
    }
}

/// All outcomes of a side.
#[derive(Clone, Debug, PartialEq)]
pub struct Ends {
    pub who: Who,
    /// Answers by class.
    side: Side,
    /// Copies that were sent and not answered.
    lost: u64,
    /// With those that did not come in time: they are slower than the others.
    pub durations: Histogram,
}

impl Ends {
    pub(super) fn of(who: Who, side: &Side, failed: &Counts, lost: u64) -> Self {
        let beyond = failed.get("timeout").copied().unwrap_or(0);
        let durations = Histogram { beyond, ..side.durations.clone() };
        Self { who, side: side.clone(), lost, durations }
    }

    pub fn count(&self) -> u64 {
        self.side.answers().saturating_add(self.lost)
    }

    /// Answers with 5xx or a gRPC status of that kind, and copies that were lost, out of how many.
    pub fn server_errors(&self) -> (u64, u64) {
        let grpc = self.grpc(|status| status != "OK" && !CLIENT.contains(&status));
        self.out_of(self.side.of("5xx").saturating_add(grpc).saturating_add(self.lost))
    }

    /// Answers with 4xx or a gRPC status of that kind.
    pub fn client_errors(&self) -> (u64, u64) {
        self.out_of(self.side.of("4xx").saturating_add(self.grpc(|status| CLIENT.contains(&status))))
    }

    /// Answers that took this long or longer.
    pub fn slower_than(&self, bound: f64) -> (u64, u64) {
        (self.durations.above(bound), self.durations.count())
    }

    /// Of the gRPC statuses that are no `OK`, the most frequent with the kind of it.
    pub fn worst_grpc(&self) -> Option<(&str, u64)> {
        let errors = self.side.grpc.iter().filter(|(status, count)| *status != "OK" && **count > 0);
        errors.max_by_key(|(_, count)| **count).map(|(status, count)| (status.as_str(), *count))
    }

    fn grpc(&self, counts: impl Fn(&str) -> bool) -> u64 {
        self.side.grpc.iter().filter(|(status, _)| counts(status)).map(|(_, count)| *count).sum()
    }

    /// A 5xx without a gRPC status is `UNKNOWN` as well: no more errors than answers.
    fn out_of(&self, hits: u64) -> (u64, u64) {
        (hits.min(self.count()), self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_status_is_an_error_of_the_server_or_of_the_client() {
        assert_eq!(SERVER.len() + CLIENT.len() + 1, 17);
        let counts = |name: &str, count| Counts::from([(name.to_owned(), count), ("OK".to_owned(), 50)]);
        let ends = |status: &str| {
            let side = Side {
                classes: [("2xx".to_owned(), 100)].into(),
                grpc: counts(status, 50),
                ..Side::default()
            };
            Ends::of(Who::Shadow, &side, &Counts::new(), 0)
        };
        for status in SERVER.iter().chain(&["SOMETHING_NEW"]) {
            assert_eq!((ends(status).server_errors(), ends(status).client_errors()), ((50, 100), (0, 100)));
        }
        for status in CLIENT {
            assert_eq!((ends(status).server_errors(), ends(status).client_errors()), ((0, 100), (50, 100)));
        }
        assert_eq!(ends("INTERNAL").worst_grpc(), Some(("INTERNAL", 50)));
    }
}
