// SPDX-License-Identifier: Apache-2.0
//! Method, path, query, headers and body are the primary's, byte for byte.

use anyhow::Result;
use harness::client::{Client, Request};

use super::copied;
use crate::bench::{EVERYTHING, Pair, Wire};

const PATHS: [&str; 12] = [
    "/",
    "/a/b/c",
    "/a%2Fb/%7Euser/%C3%BC",
    "/dots/./x/../y",
    "//double//slash/",
    "/semi;colon=1,2",
    "/q?",
    "/q?a=b&a=c&&d",
    "/q?redirect=http://x/?y=z",
    "/q?utf8=%E2%9C%93&plus=a+b",
    "/q?braces={[1,2]}",
    "/~!$&'()*+,;=:@",
];

fn odd_headers(request: Request) -> Request {
    request
        .header("accept", "text/html")
        .header("x-repeated", "one")
        .header("cookie", "a=b; c=d")
        .header("x-latin", b"caf\xe9")
        .header("x-repeated", "two")
        .header("x-bytes", b"\x80\xfe\xff")
        .header("x-empty", "")
        .header("x-inner", "a \t b")
        .header("x-comma", "a,b, c")
        .header("x-repeated", "one")
        .header("authorization", "Bearer abc.def")
}

async fn copies_are_faithful(pair: &Pair, client: impl Client) -> Result<()> {
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let path = format!("/method/{method}");
        client.request(odd_headers(Request::new(method, &path))).await?;
        copied(pair, &path).await?;
    }
    for path in PATHS {
        client.request(odd_headers(Request::get(path))).await?;
        copied(pair, path).await?;
    }
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    client.request(odd_headers(Request::post("/body", every_byte))).await?;
    copied(pair, "/body").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http1_shadow_gets_what_the_primary_got() -> Result<()> {
    let pair = Pair::on(Wire::Http1, EVERYTHING, |bootstrap| bootstrap).await?;
    copies_are_faithful(&pair, pair.http1()).await?;
    // What only HTTP/1.1 carries to the end: no client or server of HTTP/2 that is around takes these.
    for path in ["/pipe|caret^tick`backslash\\", "/q?json={\"a\":[1,2]}"] {
        pair.http1().get(path).await?;
        copied(&pair, path).await?;
    }
    pair.ends_well().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http2_shadow_gets_what_the_primary_got() -> Result<()> {
    let pair = Pair::on(Wire::Http2, EVERYTHING, |bootstrap| bootstrap).await?;
    copies_are_faithful(&pair, pair.http2()).await?;
    pair.shadow.take();
    pair.primary.take();
    copies_are_faithful(&pair, pair.http1()).await?;
    pair.ends_well().await?;
    Ok(())
}
