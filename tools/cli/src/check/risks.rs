// SPDX-License-Identifier: Apache-2.0
//! Choices that are valid and that one may regret.

use std::time::Duration;

use super::filter::{BodyPolicy, BodyRule, Conditions, Config, MirrorConfig, Percentage, Timestamp};
use super::prose;

const WRITES: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];
const READS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];
/// Headers that let a shadow act for the user.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
/// Longer than what callers usually wait for the primary: bodies are held for as long.
const LONG: Duration = Duration::from_secs(30);

/// One line for each, with the JSON path of what to change.
pub fn of(config: &Config, now: Timestamp) -> Vec<String> {
    let mut risks = Vec::new();
    if !config.loop_guard {
        risks.push("loop_guard: off, so copies that come back here are copied again, without end".to_owned());
    }
    for (index, mirror) in config.mirrors.iter().enumerate() {
        // A mirror that is turned off does no harm.
        if mirror.select.percentage != Percentage::NONE {
            let own = of_mirror(mirror, now).into_iter().chain(held(mirror, config.max_buffered_bytes));
            risks.extend(own.map(|risk| format!("mirrors[{index}].{risk}")));
        }
    }
    risks
}

fn of_mirror(mirror: &MirrorConfig, now: Timestamp) -> Vec<String> {
    let risks = [
        writes(mirror),
        credentials(mirror),
        bodies(mirror),
        share(mirror),
        mirror
            .limits
            .rate
            .is_none()
            .then(|| "limits: no requests_per_second, so copies come as fast as requests".into()),
        (mirror.timeout > LONG).then(|| {
            format!(
                "timeout: {} is long; copies are held in memory until then",
                prose::duration(mirror.timeout)
            )
        }),
        mirror.breaker.is_none().then(|| "breaker: off, so a dead shadow is sent every copy".into()),
        compared(mirror),
        end(mirror, now),
    ];
    risks.into_iter().flatten().collect()
}

/// What `compare` says and does not do, or does and should not.
fn compared(mirror: &MirrorConfig) -> Option<String> {
    let rules = mirror.compare.as_ref()?;
    if rules.log_values {
        return Some(
            "compare.log_values: what differs is in the log, with whatever is personal in it".into(),
        );
    }
    (!rules.ignore.is_empty() && rules.body != BodyRule::Json)
        .then(|| "compare.ignore: bodies are not compared as JSON, so there is nothing to ignore".into())
}

/// Writes that nobody asked for by name.
fn writes(mirror: &MirrorConfig) -> Option<String> {
    let writes: Vec<String> = unnamed_writes(&mirror.select.conditions).map(str::to_owned).collect();
    (!writes.is_empty()).then(|| {
        format!(
            "match: {} requests are copied, and have their effect twice unless the shadow has data of its own",
            prose::list(&writes, "and")
        )
    })
}

fn unnamed_writes(conditions: &Conditions) -> impl Iterator<Item = &'static str> {
    let any_method = match &conditions.any_of {
        Some(any_of) => any_of.iter().any(|condition| condition.methods.is_none()),
        None => true,
    };
    WRITES.into_iter().filter(move |method| any_method && !is_excluded(conditions, method))
}

/// Whether a method is excluded whatever else a request has.
fn is_excluded(conditions: &Conditions, method: &str) -> bool {
    conditions.none_of.iter().any(|condition| {
        let asks_no_more =
            condition.path.is_none() && condition.headers.is_empty() && condition.query.is_empty();
        let methods = condition.methods.as_ref();
        asks_no_more && methods.is_none_or(|methods| methods.iter().any(|one| one == method.as_bytes()))
    })
}

fn credentials(mirror: &MirrorConfig) -> Option<String> {
    let kept: Vec<String> = CREDENTIALS
        .into_iter()
        .filter(|name| {
            !mirror.transform.headers.drop(name.as_bytes())
                && mirror.transform.redact.header(name.as_bytes()).is_none()
        })
        .map(str::to_owned)
        .collect();
    (!kept.is_empty()).then(|| {
        format!("headers.remove: the shadow gets {}, and could act for the user", prose::list(&kept, "and"))
    })
}

fn bodies(mirror: &MirrorConfig) -> Option<String> {
    let named =
        mirror.select.conditions.any_of.iter().flatten().filter_map(|condition| condition.methods.as_ref());
    let writes_by_name = named.flatten().any(|method| {
        let method = String::from_utf8_lossy(method);
        !READS.contains(&method.as_ref()) && !is_excluded(&mirror.select.conditions, &method)
    });
    let have_bodies = writes_by_name || unnamed_writes(&mirror.select.conditions).next().is_some();
    let copied = matches!(mirror.body, BodyPolicy::Full { max_bytes: 1.., .. });
    (copied && have_bodies && mirror.transform.redact.json.is_empty())
        .then(|| "redact.json: bodies are copied as they are, with whatever is personal in them".into())
}

/// Bodies that a worker can never hold.
fn held(mirror: &MirrorConfig, most: usize) -> Option<String> {
    match mirror.body {
        BodyPolicy::Full { max_bytes, .. } if max_bytes > most => Some(format!(
            "body.max_bytes: {} is more than max_buffered_bytes, {}, beyond which nothing is copied",
            prose::size(max_bytes),
            prose::size(most)
        )),
        _ => None,
    }
}

fn share(mirror: &MirrorConfig) -> Option<String> {
    (mirror.select.percentage == Percentage::ALL && mirror.select.schedule.ramp.is_none())
        .then(|| "percentage: 100, so the shadow gets as much as the primary from the first moment".into())
}

fn end(mirror: &MirrorConfig, now: Timestamp) -> Option<String> {
    match mirror.select.schedule.until {
        None => Some("active: no until, so it copies until the mirror is removed".into()),
        Some(until) if until <= now => {
            Some("active.until: it is over, and nothing is copied any more".into())
        }
        Some(_) => None,
    }
}
