// SPDX-License-Identifier: Apache-2.0
//! The command line.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use clap::Args;

use super::places::{Template, Wanted};
use super::serve;
use super::source::with_scheme;
use super::thresholds::Flags;

/// Where the bootstraps of `envoy/` have their admin.
const SHIPPED_ADMIN: &str = "http://127.0.0.1:9901";

/// Compares the answers of primary and shadow to the same requests, and says PROMOTE, HOLD or REJECT, and why.
///
/// Without options it reads the admin of envoy/envoy.yaml at http://127.0.0.1:9901 and judges everything since that Envoy
/// started. A difference is judged by an interval that holds the truth with the confidence, at all looks together, not by
/// what happened to be measured: PROMOTE if every interval is within its limit, REJECT if one is beyond it altogether, HOLD
/// in between. A copy that was sent and got no answer (timeout, unreachable, reset) counts as an error of the shadow; one that
/// timed out also as slower than every answer. What is wrong now (an open breaker, an unknown cluster, no traffic) is said
/// first. Where a mirror has a control, the shadow is compared with that.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// An Envoy's admin; may be repeated, and the counts are added up. Under Istio port 15000 of the pod. A URL with a
    /// path is read as it is: Prometheus' text, or /stats?format=json&histogram_buckets=detailed
    /// [default: http://127.0.0.1:9901]
    #[arg(long, value_name = "URL", conflicts_with = "prometheus")]
    pub envoy: Vec<String>,

    /// A Prometheus that scrapes the Envoys
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,

    /// Label matchers that select the Envoys in Prometheus: namespace="shop",pod=~"search-.*"
    #[arg(long, value_name = "MATCHERS", requires = "prometheus")]
    pub selector: Option<String>,

    /// A file with the bearer token for Prometheus
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    pub bearer_token_file: Option<PathBuf>,

    /// The mirror to judge; may be repeated [default: each that there is]
    #[arg(long, value_name = "NAME")]
    pub mirror: Vec<String>,

    /// Judge what happens in this time: 90s, 5m, 1h. Envoys are read now and at its end, Prometheus is asked for the time
    /// that has passed [default: since Envoy's start; of Prometheus the last 30m]
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["baseline", "since_start"])]
    pub window: Option<Duration>,

    /// Judge everything since the Envoys started, which is the default
    #[arg(long, conflicts_with_all = ["baseline", "prometheus"])]
    pub since_start: bool,

    /// Judge what happened since the readings in this file were taken
    #[arg(long, value_name = "FILE", conflicts_with = "save_baseline")]
    pub baseline: Option<PathBuf>,

    /// Take readings for a later --baseline, and judge nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["window", "since_start", "json", "html"])]
    pub save_baseline: Option<PathBuf>,

    /// A log of Envoy's: its lines "shadow difference" and "shadow slow" are shown by endpoint and field. May be repeated; - is the
    /// standard input, a directory all files in it; .gz is read as well
    #[arg(long, value_name = "FILE", conflicts_with = "save_baseline")]
    pub log: Vec<PathBuf>,

    /// An endpoint by the pattern of its path, such as /items/{id}, where ids are not recognized by themselves (numbers, UUIDs,
    /// hashes are); may be repeated, the first that fits counts
    #[arg(long, value_name = "PATTERN", requires = "log")]
    pub endpoint: Vec<Template>,

    /// Where the shown curl commands repeat requests [default: the shell's variable SHADOW]
    #[arg(long, value_name = "URL", requires = "log")]
    pub repeat_at: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// Write one self-contained page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Serve the page on a port of the loopback, or at this address, and make it anew every five seconds; with --window over the
    /// time that has passed
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "8089", value_parser = serve::address,
          conflicts_with_all = ["json", "html", "save_baseline"])]
    pub serve: Option<SocketAddr>,

    #[command(flatten)]
    pub thresholds: Flags,
}

const AFTER_HELP: &str = "\
Examples:
  shadow-filter verdict --envoy http://127.0.0.1:9901 --window 5m
  shadow-filter verdict --prometheus http://prometheus:9090 --selector 'namespace=\"shop\"' --html verdict.html
  shadow-filter verdict --envoy http://127.0.0.1:9901 --log /var/log/envoy --serve 8089
  kubectl logs pod/search-1 -c istio-proxy | shadow-filter verdict --envoy http://127.0.0.1:15000 --log -

Exit codes: 0 PROMOTE (or a baseline was saved); 1 REJECT; 2 HOLD; 3 SET-UP FAULT, which waiting does not fix; of several
mirrors the first of REJECT, SET-UP FAULT, HOLD, PROMOTE. 64 the command line or the thresholds are at fault; 65 what was
read has no such metrics; 69 Envoy or Prometheus cannot be asked; 74 a file cannot be read or written.";

impl Options {
    pub fn places(&self) -> Wanted<'_> {
        Wanted { logs: &self.log, endpoints: &self.endpoint, repeat_at: self.repeat_at.as_deref() }
    }

    /// The admins to read, where there is no Prometheus. Each once, however it is spelled: its counts are not to be added to
    /// themselves, and a baseline is to find it.
    pub fn admins(&self) -> Vec<String> {
        let mut admins = Vec::new();
        for url in &self.envoy {
            let url = with_scheme(url.trim_end_matches('/'));
            if !admins.contains(&url) {
                admins.push(url);
            }
        }
        if admins.is_empty() { vec![SHIPPED_ADMIN.to_owned()] } else { admins }
    }
}

fn time(text: &str) -> Result<Duration> {
    const RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);
    let time = humantime::parse_duration(text)
        .map_err(|error| anyhow!("expected a time such as 90s, 5m or 1h: {error}"))?;
    ensure!(RANGE.contains(&time), "expected a time from 1s to 30d");
    Ok(time)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn a_window_is_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("30d", 2_592_000)] {
            assert_eq!(time(text).unwrap(), Duration::from_secs(seconds));
        }
        for text in ["", "5", "m", "-5m", "0s", "31d", "5ms", "1.5x", "99999999999999999999s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_admin_is_read_once_however_it_is_spelled() {
        let admins = |urls: &[&str]| {
            let arguments = urls.iter().flat_map(|url| ["--envoy", url]);
            Line::try_parse_from(std::iter::once("verdict").chain(arguments)).unwrap().options.admins()
        };
        assert_eq!(admins(&[]), [SHIPPED_ADMIN]);
        assert_eq!(
            admins(&["http://a:1", "a:1", "http://a:1/", "https://a:1", "a:1/stats/prometheus"]),
            ["http://a:1", "https://a:1", "http://a:1/stats/prometheus"]
        );
    }
}
