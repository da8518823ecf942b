// SPDX-License-Identifier: Apache-2.0
//! What is measured against each other: listeners that differ in how they mirror, and in nothing else.

use std::fmt;

use serde_json::json;

/// How the shadow is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Http1,
    Http2,
}

/// Which build of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Of these sources.
    Current,
    /// The one of `--compare`.
    Before,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Mirroring {
    None,
    /// A filter made with the SDK that does nothing.
    Idle,
    /// Envoy's `request_mirror_policies`, everything.
    Native {
        wire: Wire,
        mirrors: usize,
    },
    Filter {
        build: Build,
        wire: Wire,
        mirrors: usize,
        percentage: u32,
        edits: bool,
        /// Limits are those of the worker, which need no leases.
        alone: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub mirroring: Mirroring,
}

impl Wire {
    pub const BOTH: [Self; 2] = [Self::Http1, Self::Http2];

    /// The shadow cluster, shared by all scenarios: the same circuit breakers and the same warm connections for each.
    pub fn cluster(self) -> &'static str {
        match self {
            Self::Http1 => "shadow-http1",
            Self::Http2 => "shadow-http2",
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        })
    }
}

impl Scenario {
    /// The scenarios of the main table.
    pub fn main(compare: bool) -> Vec<Self> {
        let mut all = vec![Self::none(), Self::idle()];
        all.extend(Wire::BOTH.map(|wire| Self::native(wire, 1)));
        let builds: &[Build] = if compare { &[Build::Current, Build::Before] } else { &[Build::Current] };
        for &build in builds {
            all.push(Self::sampled(build, Wire::Http2, 0));
            for percentage in [1, 10, 100] {
                all.extend(Wire::BOTH.map(|wire| Self::sampled(build, wire, percentage)));
            }
            all.extend(Wire::BOTH.map(|wire| Self::edited(build, wire)));
            all.extend(Wire::BOTH.map(|wire| Self::alone(build, wire)));
        }
        all
    }

    pub fn none() -> Self {
        Self { name: "none".into(), mirroring: Mirroring::None }
    }

    fn idle() -> Self {
        Self { name: "idle".into(), mirroring: Mirroring::Idle }
    }

    pub fn native(wire: Wire, mirrors: usize) -> Self {
        let name = match mirrors {
            1 => format!("native-{wire}"),
            _ => format!("native-{wire}-x{mirrors}"),
        };
        Self { name, mirroring: Mirroring::Native { wire, mirrors } }
    }

    /// Everything, to several mirrors.
    pub fn filter(build: Build, wire: Wire, mirrors: usize) -> Self {
        let mut scenario = Self::sampled(build, wire, 100);
        if let Mirroring::Filter { mirrors: one, .. } = &mut scenario.mirroring
            && mirrors > 1
        {
            *one = mirrors;
            scenario.name = format!("{}-x{mirrors}", scenario.name);
        }
        scenario
    }

    fn sampled(build: Build, wire: Wire, percentage: u32) -> Self {
        // At 0 % no protocol is spoken.
        let name = match percentage {
            0 => format!("{build}-0"),
            _ => format!("{build}-{percentage}-{wire}"),
        };
        Self {
            name,
            mirroring: Mirroring::Filter { build, wire, mirrors: 1, percentage, edits: false, alone: false },
        }
    }

    /// Everything, with headers set and removed: the policy that looks at headers.
    fn edited(build: Build, wire: Wire) -> Self {
        Self {
            name: format!("{build}-headers-{wire}"),
            mirroring: Mirroring::Filter {
                build,
                wire,
                mirrors: 1,
                percentage: 100,
                edits: true,
                alone: false,
            },
        }
    }

    /// Everything, with limits that workers do not share.
    fn alone(build: Build, wire: Wire) -> Self {
        Self {
            name: format!("{build}-worker-{wire}"),
            mirroring: Mirroring::Filter {
                build,
                wire,
                mirrors: 1,
                percentage: 100,
                edits: false,
                alone: true,
            },
        }
    }

    /// How many copies one request should have, on average.
    pub fn copies(&self) -> f64 {
        match self.mirroring {
            Mirroring::None | Mirroring::Idle => 0.0,
            Mirroring::Native { mirrors, .. } => mirrors as f64,
            Mirroring::Filter { mirrors, percentage, .. } => mirrors as f64 * f64::from(percentage) / 100.0,
        }
    }

    /// Whether chance decides about each copy.
    pub fn is_sampled(&self) -> bool {
        matches!(self.mirroring, Mirroring::Filter { percentage: 1..=99, .. })
    }

    /// Envoy's own mirroring with as many copies of everything, which is what this one is compared with.
    pub fn counterpart(&self) -> Option<String> {
        match self.mirroring {
            Mirroring::Filter { wire, mirrors, percentage: 100, .. } => {
                Some(Self::native(wire, mirrors).name)
            }
            _ => None,
        }
    }

    /// Whether it is what others are measured against.
    pub fn is_reference(&self) -> bool {
        matches!(self.mirroring, Mirroring::None | Mirroring::Idle | Mirroring::Native { .. })
    }

    /// The plugin configuration, for the filter.
    pub fn plugin(&self) -> String {
        let Mirroring::Filter { wire, mirrors, percentage, edits, alone, .. } = self.mirroring else {
            return "{}".to_owned();
        };
        let mirror = |index: usize| {
            let name = format!("{}-{index}", self.name);
            let headers = match edits {
                true => json!({
                    "remove": ["cookie", "x-internal-*"],
                    "set": {"x-version": "v2", "accept-language": "en"},
                    "add": {"x-copied-by": "load"},
                }),
                false => json!({}),
            };
            // Beyond what the machine can do, copies time out; then the cost of not sending them would be measured.
            json!({
                "name": name,
                "cluster": wire.cluster(),
                "percentage": percentage,
                "headers": headers,
                "limits": if alone { json!({"scope": "worker"}) } else { json!({}) },
                "breaker": "off",
            })
        };
        json!({"mirrors": (0..mirrors).map(mirror).collect::<Vec<_>>()}).to_string()
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Current => "filter",
            Self::Before => "before",
        })
    }
}
