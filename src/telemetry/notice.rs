// SPDX-License-Identifier: Apache-2.0
//! Changes that an operator should read of, one line of the log each.

use std::fmt;
use std::time::Duration;

use crate::admission::Transition;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub mirror: String,
    pub news: News,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Cluster {
        cluster: String,
        change: ClusterChange,
    },
    Breaker {
        cluster: String,
        transition: Transition,
    },
    /// A line of JSON about two answers that differ.
    Difference(String),
    /// The same about answers of which the shadow's came much later.
    Slow(String),
    /// Lines like these which were not logged.
    LeftOut(u64),
}

/// What has changed between Envoy and a cluster of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterChange {
    Unknown,
    Known,
    /// Envoy has the cluster and does not take copies for it.
    Rejecting,
    Accepting,
}

impl Notice {
    /// Whether it is trouble. The end of trouble is information.
    pub fn is_warning(&self) -> bool {
        use ClusterChange::{Accepting, Known, Rejecting, Unknown};
        use Transition::{Closed, Opened, Probing, Reopened};
        match self.news {
            News::Cluster { change: Unknown | Rejecting, .. }
            | News::Breaker { transition: Opened { .. } | Reopened { .. }, .. }
            | News::Difference(_)
            | News::Slow(_)
            | News::LeftOut(_) => true,
            News::Cluster { change: Known | Accepting, .. }
            | News::Breaker { transition: Probing | Closed, .. } => false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mirror, news } = self;
        match news {
            News::Cluster { cluster, change } => {
                let text = match change {
                    ClusterChange::Unknown => "does not have this cluster: copies fail until it has",
                    ClusterChange::Known => "has this cluster now",
                    ClusterChange::Rejecting => {
                        "rejects copies: look for endpoints that are not healthy, limits of the cluster's \
                         circuit_breakers, and a subset without a host"
                    }
                    ClusterChange::Accepting => "takes copies again",
                };
                write!(f, "mirror {mirror}, cluster {cluster}: Envoy {text}")
            }
            News::Breaker { cluster, transition } => {
                write!(f, "mirror {mirror}, cluster {cluster}: {transition}")
            }
            // These name their mirror themselves.
            News::Difference(line) => write!(f, "shadow difference {line}"),
            News::Slow(line) => write!(f, "shadow slow {line}"),
            News::LeftOut(count) => {
                write!(
                    f,
                    "mirror {mirror}: {count} more differences or slow answers were not logged \
                     (compare.log_per_minute)"
                )
            }
        }
    }
}

/// A duration in whole milliseconds, as a configuration spells it.
struct Spelled(Duration);

impl fmt::Display for Spelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() as u64 {
            millis if millis % 1000 == 0 => write!(f, "{}s", millis / 1000),
            millis => write!(f, "{millis}ms"),
        }
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { failures, cooldown } => {
                write!(
                    f,
                    "the breaker opens after {failures} failures in a row: no copies for {}",
                    Spelled(*cooldown)
                )
            }
            Self::Probing => f.write_str("the breaker lets one copy through"),
            Self::Reopened { cooldown } => {
                write!(f, "the breaker opens again, the copy failed: no copies for {}", Spelled(*cooldown))
            }
            Self::Closed => f.write_str("the breaker closes, the copy was answered"),
        }
    }
}
