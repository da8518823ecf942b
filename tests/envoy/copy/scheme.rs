// SPDX-License-Identifier: Apache-2.0
//! The scheme of a copy at an HTTP/2 shadow that resets what does not fit its connection, as strict servers do.

use anyhow::{Result, ensure};
use harness::client::Request;
use harness::upstream::Reply;

use crate::bench::{Pair, Wire, connection_manager};

const MIRRORS: &str = r#"{"mirrors": [
    {"name": "default", "cluster": "shadow"},
    {"name": "http", "cluster": "shadow", "scheme": "http"},
    {"name": "https", "cluster": "shadow", "scheme": "https"},
    {"name": "keep", "cluster": "shadow", "scheme": "keep"},
    {"name": "late", "cluster": "shadow", "scheme": "keep", "send": "primary_end"}
]}"#;

const PROTOCOL_ERROR: u32 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strict_shadow_takes_copies_of_requests_that_came_over_tls() -> Result<()> {
    let pair = Pair::on(Wire::Http2, MIRRORS, |bootstrap| {
        // The primary is told the scheme of its own connection.
        bootstrap.edit_listener(|listener| {
            let manager = connection_manager(listener);
            manager["scheme_header_transformation"] =
                serde_yaml_ng::from_str("{match_upstream: true}").unwrap();
            manager["use_remote_address"] = false.into();
        })
    })
    .await?;
    pair.shadow.respond_with(|copy| match copy.scheme.as_deref() {
        Some("http") => Reply::status(200),
        _ => Reply::reset_stream(PROTOCOL_ERROR),
    });
    pair.http1().request(Request::get("/secure").header("x-forwarded-proto", "https")).await?;
    let stats = pair.ends_well().await?;
    let schemes: Vec<_> = ["default", "http", "https", "keep", "late"]
        .into_iter()
        .map(|mirror| {
            let copy = pair.shadow.find(|copy| copy.header("x-shadow-mirror") == Some(mirror)).unwrap();
            let proto = copy.header("x-forwarded-proto").unwrap_or_default().to_owned();
            (mirror, copy.scheme.clone().unwrap_or_default(), proto, stats.failed(mirror).len())
        })
        .collect();
    let row = |mirror, scheme: &str, failed| (mirror, scheme.to_owned(), "https".to_owned(), failed);
    let expected = [
        row("default", "http", 0),
        row("http", "http", 0),
        row("https", "https", 1),
        row("keep", "https", 1),
        row("late", "http", 0),
    ];
    ensure!(schemes == expected, "{schemes:?}\n{stats}");
    Ok(())
}
