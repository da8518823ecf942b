// SPDX-License-Identifier: Apache-2.0
//! Where the numbers come from, and of which time.

mod admin;
mod baseline;
mod configured;
mod http;
mod live;
mod prometheus;
mod wait;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::anyhow;

use self::baseline::Baseline;
pub use self::configured::Configured;
pub use self::http::with_scheme;
pub use self::live::Live;
use super::failure::{Failure, Kind};
use super::options::Options;
use super::reading::Reading;

/// The time that Prometheus is asked for unless told otherwise: long enough for a P99 at a few requests per second.
const LAST: Duration = Duration::from_secs(30 * 60);

/// What was counted, and what is to be said about it.
#[derive(Debug)]
pub struct Observed {
    pub reading: Reading,
    /// Of which time, as a part of a sentence: "over 5 minutes".
    pub time: String,
    pub from: Vec<String>,
    pub notes: Vec<String>,
    /// `None` if nobody told.
    pub configured: Option<Configured>,
}

pub fn observe(options: &Options) -> Result<Observed, Failure> {
    let earlier = options.baseline.as_deref().map(Baseline::load).transpose()?;
    let observed = match &options.prometheus {
        Some(url) => from_prometheus(url, options, earlier.as_ref())?,
        None => from_admins(&options.admins(), options, earlier.as_ref())?,
    };
    if observed.reading.is_empty() {
        return Err(Kind::NoSuchMetrics.of(anyhow!(
            "no metric of shadow-filter at {}: is the filter in a listener there, with a valid configuration, and is this \
             the right Envoy{}?",
            observed.from.join(", "),
            if options.prometheus.is_some() { " (--selector) and time (--window)" } else { "" },
        )));
    }
    Ok(observed)
}

/// Takes readings for later. Prometheus keeps the numbers itself, and needs no more than the time.
pub fn save_baseline(options: &Options, file: &std::path::Path) -> Result<String, Failure> {
    let readings = match &options.prometheus {
        Some(_) => BTreeMap::new(),
        None => read_all(&options.admins())?,
    };
    let mirrors: std::collections::BTreeSet<String> = readings.values().flat_map(Reading::mirrors).collect();
    let mirrors = mirrors.into_iter().collect::<Vec<_>>().join(", ");
    Baseline::now(readings).save(file)?;
    let of = if mirrors.is_empty() { String::new() } else { format!(" of {mirrors}") };
    Ok(format!("{}: a baseline{of}; give it to --baseline later\n", file.display()))
}

fn from_prometheus(url: &str, options: &Options, earlier: Option<&Baseline>) -> Result<Observed, Failure> {
    let window = match earlier {
        Some(earlier) => earlier.age(),
        None => options.window.unwrap_or(LAST),
    };
    let reading = prometheus::Prometheus::new(url, options)?.increase(window)?;
    let time = format!("over the last {}", wait::words(window));
    Ok(Observed { reading, time, from: vec![url.to_owned()], notes: Vec::new(), configured: None })
}

fn from_admins(
    admins: &[String],
    options: &Options,
    earlier: Option<&Baseline>,
) -> Result<Observed, Failure> {
    let (before, time) = match (earlier, options.window) {
        (Some(earlier), _) => {
            (Some(earlier.readings.clone()), format!("since the baseline {} ago", wait::words(earlier.age())))
        }
        (None, Some(window)) => {
            let before = read_all(admins)?;
            wait::wait(window, || read_all(admins).ok());
            (Some(before), format!("over {}", wait::words(window)))
        }
        (None, None) => (None, "since Envoy started".to_owned()),
    };
    let after = read_all(admins)?;
    Ok(between(admins, before.as_ref(), &after, time))
}

/// What happened between two readings of the same admins, or since their start.
fn between(
    admins: &[String],
    before: Option<&BTreeMap<String, Reading>>,
    after: &BTreeMap<String, Reading>,
    time: String,
) -> Observed {
    let configured = Configured::of(admins);
    let mut observed =
        Observed { reading: Reading::default(), time, from: admins.to_vec(), notes: Vec::new(), configured };
    for (url, reading) in after {
        let Some(before) = before else {
            observed.reading.merge(reading);
            continue;
        };
        match before.get(url) {
            Some(before) => {
                let (since, anew) = reading.since(before);
                if anew {
                    observed.notes.push(format!(
                        "The Envoy at {url} was restarted in between; what it counted before that is missing."
                    ));
                }
                observed.reading.merge(&since);
            }
            None => {
                observed.notes.push(format!(
                    "The baseline does not have {url}: everything since that Envoy started is taken."
                ));
                observed.reading.merge(reading);
            }
        }
    }
    let retried = observed.configured.as_ref().map(|configured| &configured.retried);
    observed.reading.keep_retries_of_routes(retried);
    observed
}

fn read_all(admins: &[String]) -> Result<BTreeMap<String, Reading>, Failure> {
    admins.iter().map(|url| Ok((url.clone(), admin::read(url)?))).collect()
}
