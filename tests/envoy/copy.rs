// SPDX-License-Identifier: Apache-2.0
//! The copy: what is in it, what never is, and when there is none. Owns the comparison of a copy with the request
//! that the primary got.

mod authority;
mod bodies;
mod edits;
mod fidelity;
mod hop_by_hop;
mod large_heads;
mod once;
mod scheme;
mod tunnels;
mod unfinished;

use anyhow::{Result, ensure};
use harness::recording::Recorded;

use crate::bench::Pair;

type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// Fails unless shadow and primary got the same request under this path, apart from what every copy differs in.
async fn copied(pair: &Pair, path: &str) -> Result<()> {
    let (primary, shadow) = pair.both(path).await?;
    same(&primary, &shadow)
}

/// Fails unless the copy is the primary's request, apart from authority, marker, framing and Envoy's own headers.
fn same(primary: &Recorded, copy: &Recorded) -> Result<()> {
    ensure!(copy.method == primary.method, "{}: method {}", primary.path, copy.method);
    ensure!(copy.path == primary.path, "{}: path {}", primary.path, copy.path);
    let (ours, theirs) = (comparable(copy, primary.version), comparable(primary, copy.version));
    ensure!(ours == theirs, "{}: headers {}\nof {}", primary.path, shown(&ours), shown(&theirs));
    ensure!(copy.body == primary.body, "{}: body of {} bytes", primary.path, copy.body.len());
    ensure!(copy.trailers.is_empty(), "{}: a copy carries no trailers", primary.path);
    ensure!(copy.headers_named("x-shadow-mirror").len() == 1, "{}: not one marker", primary.path);
    framed_once(copy)
}

/// Fails if a copy's framing headers do not say, unmistakably, what its body is.
fn framed_once(copy: &Recorded) -> Result<()> {
    let lengths = copy.headers_named("content-length");
    let length = copy.body.len().to_string();
    let right = match lengths.as_slice() {
        [] => true,
        [one] => *one == length.as_bytes() && copy.header("transfer-encoding").is_none(),
        _ => false,
    };
    ensure!(right, "{}: lengths {lengths:?} with {length} bytes", copy.path);
    Ok(())
}

/// Headers that have to be equal; between two protocols, or over HTTP/2, only those of one name have an order.
fn comparable(request: &Recorded, other: http::Version) -> Headers {
    const OWN: [&[u8]; 4] = [b"host", b"content-length", b"transfer-encoding", b"x-shadow-mirror"];
    let counts = |name: &[u8]| !OWN.contains(&name) && !name.starts_with(b"x-envoy-");
    let mut headers: Headers = request.headers.iter().filter(|(name, _)| counts(name)).cloned().collect();
    if request.version == http::Version::HTTP_2 || other == http::Version::HTTP_2 {
        headers.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    headers
}

fn shown(headers: &Headers) -> String {
    headers
        .iter()
        .map(|(name, value)| format!("\n  {}: {}", name.escape_ascii(), value.escape_ascii()))
        .collect()
}
