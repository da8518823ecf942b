// SPDX-License-Identifier: Apache-2.0
//! Configurations as the model reads them. What would be decided by chance is left out: a share that is neither nothing nor
//! everything goes with `sample_by`, and every user's point is known.

mod drawn;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::drawn::{config, fragile};

/// 2026-01-01T00:00:00Z in seconds since 1970.
const NEW_YEAR: u64 = 1_767_225_600;
const TEN_DAYS: u64 = 864_000;

/// What the clock on the wall may show, in seconds since 1970. A test takes minutes of it; nothing changes so near to any of these
/// that it would matter.
pub const CLOCKS: [u64; 4] =
    [NEW_YEAR - 1000, NEW_YEAR + TEN_DAYS / 4, NEW_YEAR + TEN_DAYS * 3 / 4, NEW_YEAR + TEN_DAYS + 1000];

/// Users with their points, of a million, without and with [`SALT`]: XXH64 as any other program computes it.
pub const USERS: [(&str, u32, u32); 4] = [
    ("user-1", 297_578, 858_217),
    ("user-2", 314_152, 243_554),
    ("Jörg", 733_125, 804_902),
    ("ann", 609_752, 979_937),
];
const SALT: &str = "2026-11";

pub const REPLACEMENT: &str = "[redacted]";

#[derive(Debug, Clone)]
pub struct ConfigSpec {
    pub loop_guard: bool,
    pub annotate: bool,
    pub mirrors: Vec<Spec>,
}

#[derive(Debug, Clone)]
pub struct Spec {
    /// `None`: the request names it, `a` or `b`.
    pub cluster: Option<&'static str>,
    pub percentage: u32,
    /// Whether there is a salt.
    pub sample_by: Option<bool>,
    pub only_post: bool,
    /// Whether copies leave at the end of the primary's exchange.
    pub late: bool,
    /// Whether only requests are copied that the primary answered with 2xx or 404. Asked of those that are late.
    pub successes: bool,
    pub excludes: bool,
    pub body: Body,
    pub redacts: bool,
    pub retries: bool,
    pub timeout: Duration,
    pub max_in_flight: Option<u32>,
    /// How many at once.
    pub burst: Option<u32>,
    /// Failures and milliseconds.
    pub breaker: Option<(u32, u64)>,
    pub schedule: Schedule,
    pub dry_run: bool,
    pub compare: Option<Compare>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    None,
    Full { max_bytes: usize, headers_only: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    Always,
    /// From new year on.
    From,
    /// Ten days from new year.
    TenDays,
    /// Growing in them from a tenth of the whole.
    Ramp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compare {
    pub header: bool,
    pub body: BodyRule,
    pub short: bool,
    pub ignores: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    Off,
    Bytes,
    Json,
}

/// Copies per second where there is a limit, in ten-millionths: at no microsecond is a token exactly whole again.
pub const RATE: u64 = 7_310_585;

impl ConfigSpec {
    pub fn name(index: usize) -> String {
        format!("m{index}")
    }

    pub fn json(&self) -> Value {
        let mirrors: Vec<_> =
            self.mirrors.iter().enumerate().map(|(index, spec)| spec.json(&Self::name(index))).collect();
        json!({"loop_guard": self.loop_guard, "annotate": self.annotate, "max_buffered_bytes": 256 << 20, "mirrors": mirrors})
    }
}

impl Compare {
    pub fn max_bytes(self) -> usize {
        if self.short { 50 } else { 65536 }
    }
}

impl Spec {
    fn json(&self, name: &str) -> Value {
        let mut json = json!({"name": name, "percentage": self.percentage, "dry_run": self.dry_run});
        let mut put = |key: &str, value: Value| drop(json.as_object_mut().unwrap().insert(key.into(), value));
        match self.cluster {
            Some(cluster) => put("cluster", cluster.into()),
            None => put("cluster_header", json!({"name": "X-To", "allowed": ["a", "b"]})),
        }
        match self.sample_by {
            None => {}
            Some(false) => put("sample_by", json!({"header": "x-user"})),
            Some(true) => put("sample_by", json!({"query": "user", "salt": SALT})),
        }
        if self.late {
            put("send", "primary_end".into());
        }
        let mut conditions = match self.only_post {
            true => vec![json!({"methods": ["PUT"]}), json!({"methods": ["POST"], "path": {"prefix": "/"}})],
            false => vec![json!({})],
        };
        if self.late && self.successes {
            conditions.iter_mut().for_each(|one| one["answer"] = json!({"status": ["2xx", 404]}));
        }
        if self.only_post || self.successes {
            put("match", conditions.into());
        }
        if self.excludes {
            put("exclude", json!([{"headers": {"X-Skip": {"exact": "YES", "ignore_case": true}}}]));
        }
        put(
            "body",
            match self.body {
                Body::None => json!({"mode": "none"}),
                Body::Full { max_bytes, headers_only } => {
                    json!({"max_bytes": max_bytes, "on_overflow": if headers_only { "headers_only" } else { "skip" }})
                }
            },
        );
        if self.redacts {
            put(
                "redact",
                json!({"json": ["/a"], "headers": ["x-user"], "query": ["user"], "replacement": REPLACEMENT}),
            );
        }
        if self.retries {
            put("retry", json!({"attempts": 2}));
        }
        put("timeout", format!("{}ms", self.timeout.as_millis()).into());
        // What holds for all workers outlives a configuration; `pools` tests that.
        let mut limits = json!({"scope": "worker"});
        if let Some(max) = self.max_in_flight {
            limits["max_in_flight"] = max.into();
        }
        if let Some(burst) = self.burst {
            limits["requests_per_second"] = (RATE as f64 / 1e7).into();
            limits["burst"] = burst.into();
        }
        put("limits", limits);
        put(
            "breaker",
            match self.breaker {
                None => json!("off"),
                Some((failures, cooldown)) => {
                    json!({"consecutive_failures": failures, "cooldown": format!("{cooldown}ms")})
                }
            },
        );
        let (from, until) = ("2026-01-01T00:00:00Z", "2026-01-11T01:00:00+01:00");
        match self.schedule {
            Schedule::Always => {}
            Schedule::From => put("active", json!({"from": from})),
            Schedule::TenDays => put("active", json!({"from": from, "until": until})),
            Schedule::Ramp => {
                put("active", json!({"from": from}));
                put("ramp", json!({"start": f64::from(self.percentage) / 10.0, "over": "240h"}));
            }
        }
        if let Some(compare) = self.compare {
            let body = match compare.body {
                BodyRule::Off => "off",
                BodyRule::Bytes => "bytes",
                BodyRule::Json => "json",
            };
            let headers = if compare.header { json!(["A"]) } else { json!([]) };
            let ignore = if compare.ignores { json!(["/a"]) } else { json!([]) };
            put(
                "compare",
                json!({"headers": headers, "body": body, "ignore": ignore, "max_body_bytes": compare.max_bytes()}),
            );
        }
        json
    }

    /// The share of requests that it copies, of a million; `None` outside its schedule.
    pub fn share(&self, clock: Option<u64>) -> Option<u32> {
        let full = self.percentage * 10_000;
        if self.schedule == Schedule::Always {
            return Some(full);
        }
        let since = clock?.checked_sub(NEW_YEAR)?;
        match self.schedule {
            Schedule::TenDays if since >= TEN_DAYS => None,
            Schedule::Ramp => {
                let start = full / 10;
                let grown = u64::from(full - start) * since.min(TEN_DAYS) / TEN_DAYS;
                Some(start + grown as u32)
            }
            _ => Some(full),
        }
    }

    /// Whether it takes a user's requests. By chance is not asked here.
    pub fn samples(&self, user: usize, share: u32) -> bool {
        match self.sample_by {
            None => share > 0,
            Some(salted) => {
                let point = if salted { USERS[user].2 } else { USERS[user].1 };
                assert!(share.is_multiple_of(1_000_000) || point.abs_diff(share) > 1000, "too near to tell");
                point < share
            }
        }
    }
}
