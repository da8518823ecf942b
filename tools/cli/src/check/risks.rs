// SPDX-License-Identifier: Apache-2.0
//! Choices that are valid and that one may regret.

use std::time::{Duration, SystemTime};

use super::filter::{BodyPolicy, BodyRule, Conditions, Config, MirrorConfig, Percentage, timestamp};
use super::finding::{Name, Remark};
use super::prose;

const WRITES: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];
const READS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];
/// Headers that let a shadow act for the user.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
/// Longer than what callers usually wait for the primary: bodies are held for as long.
const LONG: Duration = Duration::from_secs(30);
/// The most that `max_buffered_bytes` may be.
const MOST_ROOM: usize = 256 << 20;

/// Each with what to write.
pub fn of(config: &Config, now: SystemTime) -> Vec<Remark> {
    let mut risks = Vec::new();
    if !config.loop_guard {
        let says = "off, so copies that come back here are copied again, without end; leave the key out";
        risks.push(Remark::new(Name::LoopGuard, "loop_guard", says));
    }
    for (index, mirror) in config.mirrors.iter().enumerate() {
        // A mirror that is turned off does no harm.
        if mirror.select.percentage != Percentage::NONE {
            let own = of_mirror(mirror, now).into_iter().chain(held(mirror, config.max_buffered_bytes));
            risks.extend(own.map(|risk| risk.of_mirror(index)));
        }
    }
    risks
}

fn of_mirror(mirror: &MirrorConfig, now: SystemTime) -> Vec<Remark> {
    let risks =
        [writes(mirror), credentials(mirror), bodies(mirror), share(mirror), rate(mirror), late(mirror)];
    let more = [breaker(mirror), compared(mirror), end(mirror, now)];
    risks.into_iter().chain(more).flatten().collect()
}

fn rate(mirror: &MirrorConfig) -> Option<Remark> {
    let says = "no requests_per_second, so copies come as fast as requests; write \"requests_per_second\": 100, or what the \
                shadow stands";
    mirror.limits.rate.is_none().then(|| Remark::new(Name::Rate, "limits", says))
}

fn late(mirror: &MirrorConfig) -> Option<Remark> {
    let timeout = prose::duration(mirror.timeout);
    let says = format!(
        "{timeout} is long, and copies are held in memory until then; write \"5s\", or \"30s\" at most"
    );
    (mirror.timeout > LONG).then(|| Remark::new(Name::Timeout, "timeout", says))
}

fn breaker(mirror: &MirrorConfig) -> Option<Remark> {
    let says = "off, so a dead shadow is sent every copy; leave the key out";
    mirror.breaker.is_none().then(|| Remark::new(Name::Breaker, "breaker", says))
}

/// What `compare` says and does not do, or does and should not.
fn compared(mirror: &MirrorConfig) -> Option<Remark> {
    let rules = mirror.compare.as_ref()?;
    if rules.log_values {
        let says = "what differs is in the log, with whatever is personal in it; leave the key out";
        return Some(Remark::new(Name::LogValues, "compare.log_values", says));
    }
    if rules.log_query {
        let says = "queries are in the log, but for the values of redact.query; leave the key out";
        return Some(Remark::new(Name::LogQuery, "compare.log_query", says));
    }
    let says = "bodies are not compared as JSON, so that it does nothing; write \"body\": \"json\"";
    let keys = [
        (Name::Ignore, "compare.ignore", &rules.ignore),
        (Name::Unordered, "compare.unordered", &rules.unordered),
    ];
    let idle = keys.into_iter().find(|(_, _, pointers)| !pointers.is_empty() && rules.body != BodyRule::Json);
    idle.map(|(name, at, _)| Remark::new(name, at, says))
}

/// Writes that nobody asked for by name.
fn writes(mirror: &MirrorConfig) -> Option<Remark> {
    let writes: Vec<String> = unnamed_writes(&mirror.select.conditions).map(str::to_owned).collect();
    let says = format!(
        "{} requests are copied, and have their effect twice unless the shadow has data of its own; \
         write \"match\": [{{\"methods\": [\"GET\", \"HEAD\"]}}], or name these methods",
        prose::list(&writes, "and")
    );
    (!writes.is_empty()).then(|| Remark::new(Name::Writes, "match", says))
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
        let asks_no_more = condition.path.is_none()
            && condition.headers.is_empty()
            && condition.query.is_empty()
            && condition.answer.is_none();
        let methods = condition.methods.as_ref();
        asks_no_more && methods.is_none_or(|methods| methods.iter().any(|one| one == method.as_bytes()))
    })
}

fn credentials(mirror: &MirrorConfig) -> Option<Remark> {
    let kept: Vec<String> = CREDENTIALS
        .into_iter()
        .filter(|name| {
            !mirror.transform.headers.drop(name.as_bytes())
                && mirror.transform.redact.header(name.as_bytes()).is_none()
        })
        .map(str::to_owned)
        .collect();
    let says = format!(
        "the shadow gets {}, and could act for the user; write \"remove\": [\"$credentials\"]",
        prose::list(&kept, "and")
    );
    (!kept.is_empty()).then(|| Remark::new(Name::Credentials, "headers.remove", says))
}

fn bodies(mirror: &MirrorConfig) -> Option<Remark> {
    let named =
        mirror.select.conditions.any_of.iter().flatten().filter_map(|condition| condition.methods.as_ref());
    let writes_by_name = named.flatten().any(|method| {
        let method = String::from_utf8_lossy(method);
        !READS.contains(&method.as_ref()) && !is_excluded(&mirror.select.conditions, &method)
    });
    let have_bodies = writes_by_name || unnamed_writes(&mirror.select.conditions).next().is_some();
    let copied = matches!(mirror.body, BodyPolicy::Full { max_bytes: 1.., .. });
    let says = "bodies are copied as they are, with whatever is personal in them; name those values by pointers, \
                \"json\": [\"/user/email\"], or write \"body\": {\"mode\": \"none\"}";
    (copied && have_bodies && mirror.transform.redact.json.is_empty())
        .then(|| Remark::new(Name::Bodies, "redact.json", says))
}

/// Bodies that a worker can never hold.
fn held(mirror: &MirrorConfig, most: usize) -> Option<Remark> {
    match mirror.body {
        BodyPolicy::Full { max_bytes, .. } if max_bytes > most => {
            let [bytes, room] = [max_bytes, most].map(prose::size);
            let says = format!(
                "{bytes} is more than max_buffered_bytes, {room}, beyond which nothing is copied; write \"max_bytes\": {most}, or \
                 \"max_buffered_bytes\": {}",
                max_bytes.saturating_mul(4).min(MOST_ROOM),
            );
            Some(Remark::new(Name::Room, "body.max_bytes", says))
        }
        _ => None,
    }
}

fn share(mirror: &MirrorConfig) -> Option<Remark> {
    let says = "100, so the shadow gets as much as the primary from the first moment; write \"percentage\": 1 to begin with, or a \
                ramp";
    (mirror.select.percentage == Percentage::ALL && mirror.select.schedule.ramp.is_none())
        .then(|| Remark::new(Name::Percentage, "percentage", says))
}

fn end(mirror: &MirrorConfig, now: SystemTime) -> Option<Remark> {
    match mirror.select.schedule.until {
        None => {
            let says = format!(
                "no until, so it copies until the mirror is removed; write \"until\": \"{}\", or another day",
                in_a_week(now)
            );
            Some(Remark::new(Name::NoEnd, "active", says))
        }
        Some(until) if until <= timestamp(now) => {
            let says =
                "it is over, and nothing is copied any more; write a later time, or take the mirror out";
            Some(Remark::new(Name::Ended, "active.until", says))
        }
        Some(_) => None,
    }
}

fn in_a_week(now: SystemTime) -> String {
    let time = humantime::format_rfc3339_seconds(now + Duration::from_secs(7 * 24 * 3600)).to_string();
    let day = time.split_once('T').map_or(time.as_str(), |(day, _)| day);
    format!("{day}T00:00:00Z")
}
