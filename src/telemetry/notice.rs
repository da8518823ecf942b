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
    /// Whether Envoy has a cluster has changed.
    Cluster {
        cluster: String,
        known: bool,
    },
    Breaker(Transition),
    /// A line of JSON about a comparison.
    Difference(String),
    /// Lines like that which were not logged.
    LeftOut(u64),
}

impl Notice {
    /// Whether it is trouble, or the end of it.
    pub fn is_warning(&self) -> bool {
        use Transition::{Closed, Opened, Probing, Reopened};
        match self.news {
            News::Cluster { known: false, .. }
            | News::Breaker(Opened { .. } | Reopened { .. })
            | News::Difference(_)
            | News::LeftOut(_) => true,
            News::Cluster { known: true, .. } | News::Breaker(Probing | Closed) => false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mirror, news } = self;
        match news {
            News::Cluster { cluster, known: false } => {
                write!(f, "mirror {mirror}: this Envoy has no cluster {cluster}; copies fail until it has")
            }
            News::Cluster { cluster, known: true } => {
                write!(f, "mirror {mirror}: this Envoy has the cluster {cluster} now")
            }
            News::Breaker(change) => write!(f, "mirror {mirror}: {change}"),
            // Names its mirror itself.
            News::Difference(line) => write!(f, "shadow difference {line}"),
            News::LeftOut(count) => {
                write!(
                    f,
                    "mirror {mirror}: {count} more differences were not logged (compare.log_per_minute)"
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
