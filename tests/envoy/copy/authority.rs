// SPDX-License-Identifier: Apache-2.0
//! The authority of a copy, in each of its forms and for each kind of host.

use anyhow::{Result, ensure};
use harness::client::{Raw, Request};

use crate::bench::{EVERYTHING, Pair};

const FORMS: &str = r#"{"mirrors": [
    {"name": "default", "cluster": "shadow"},
    {"name": "suffix", "cluster": "shadow", "authority": {"suffix": ".v2"}},
    {"name": "literal", "cluster": "shadow", "authority": {"literal": "v2.test:81"}},
    {"name": "keep", "cluster": "shadow", "authority": "keep"}
]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mirror_has_its_authority_for_every_kind_of_host() -> Result<()> {
    let pair = Pair::with(FORMS).await?;
    let hosts = [
        ("a.b", "a.b-shadow", "a.b.v2"),
        ("a.b:80", "a.b-shadow:80", "a.b.v2:80"),
        ("127.0.0.1:8080", "127.0.0.1-shadow:8080", "127.0.0.1.v2:8080"),
        ("[::1]", "[::1]-shadow", "[::1].v2"),
        ("[::1]:8080", "[::1]-shadow:8080", "[::1].v2:8080"),
        ("UPPER.case", "UPPER.case-shadow", "UPPER.case.v2"),
    ];
    for (index, (host, default, suffix)) in hosts.into_iter().enumerate() {
        let path = format!("/{index}");
        // Both protocols: one has a host header, the other a pseudo-header.
        pair.http1().request(Request::get(&path).authority(host)).await?;
        pair.http2().request(Request::get(&path).authority(host)).await?;
        for (mirror, authority) in
            [("default", default), ("suffix", suffix), ("literal", "v2.test:81"), ("keep", host)]
        {
            let of_mirror = |marker: Option<&str>| marker == Some(mirror);
            pair.shadow
                .await_where(|copy| copy.path == path && of_mirror(copy.header("x-shadow-mirror")))
                .await?;
            let copies =
                pair.shadow.find_all(|copy| copy.path == path && of_mirror(copy.header("x-shadow-mirror")));
            for copy in copies {
                ensure!(copy.headers_named("host") == [authority.as_bytes()], "{mirror}: {copy}");
            }
        }
        let primary = pair.primary.find(|request| request.path == path).unwrap();
        ensure!(primary.authority.as_deref() == Some(host), "{primary}");
    }
    let stats = pair.ends_well().await?;
    for mirror in ["default", "suffix", "literal", "keep"] {
        ensure!(stats.counter("shadow_sent_total", &[("mirror", mirror)]) == 12, "{stats}");
    }
    ensure!(pair.shadow.count() == 48, "{} copies", pair.shadow.count());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_in_absolute_form_names_the_authority() -> Result<()> {
    let pair = Pair::with(EVERYTHING).await?;
    let mut client = Raw::connect(pair.envoy.address()).await?;
    client.send("GET http://a.test:81/absolute?q HTTP/1.1\r\nhost: b.test\r\n\r\n").await?;
    client.read_response().await?;
    let (primary, copy) = pair.both("/absolute?q").await?;
    ensure!(primary.headers_named("host") == [b"a.test:81"], "{primary}");
    ensure!(copy.headers_named("host") == [b"a.test-shadow:81"], "{copy}");
    pair.envoy.no_traps()
}
