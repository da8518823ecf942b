// SPDX-License-Identifier: Apache-2.0
//! One GET, with a bound on its time.

use std::time::Duration;

use anyhow::{Result, anyhow};
use ureq::Agent;

const PATIENCE: Duration = Duration::from_secs(30);
/// An admin of a mesh with thousands of clusters has tens of megabytes to say.
const MOST_BYTES: u64 = 256 << 20;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// A URL without a scheme is taken for plain HTTP.
pub fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

pub(super) fn get(url: &str, query: &[(&str, String)], token: Option<&str>) -> Result<Answer> {
    let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
    let agent: Agent = config.build().into();
    let mut request = agent.get(url);
    for (name, value) in query {
        request = request.query(*name, value);
    }
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().map_err(|error| anyhow!("{error}"))?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MOST_BYTES).lossy_utf8(true).read_to_string()?;
    Ok(Answer { status, body })
}
