// SPDX-License-Identifier: Apache-2.0
//! What a registry has after a push, and what is said when it does not take one.

use anyhow::{Context, Result};
use harness::client::{Http1, Request};
use oci_client::secrets::RegistryAuth;
use shadow_filter_image::{Destination, push};

use crate::package;
use crate::registry::{PASSWORD, Registry, USER};

fn destination(registry: &Registry) -> Result<Destination> {
    Destination::parse(&format!("{}/team/shadow-filter", registry.address))
}

#[tokio::test]
async fn a_registry_has_both_variants_byte_for_byte() -> Result<()> {
    let registry = Registry::start(false).await?;
    let to = destination(&registry)?;
    let images = package().tagged("9.9");
    push(&to, true, &RegistryAuth::Anonymous, &images).await?;
    // Again: everything is there.
    push(&to, true, &RegistryAuth::Anonymous, &images).await?;
    let client = Http1::new(registry.address.parse()?);
    for (tag, image) in &images {
        let media_type = image.manifest.media_type.to_string();
        for name in [tag.clone(), image.manifest.digest()] {
            let path = format!("/v2/team/shadow-filter/manifests/{name}");
            let answer = client.request(Request::get(&path).header("accept", &media_type)).await?;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.body, image.manifest.bytes, "{path}");
        }
        for blob in &image.blobs {
            let path = format!("/v2/team/shadow-filter/blobs/{}", blob.digest());
            let answer = client.request(Request::get(&path)).await?;
            assert!(answer.body == blob.bytes, "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn credentials_let_in_and_their_lack_is_explained() -> Result<()> {
    let registry = Registry::start(true).await?;
    let to = destination(&registry)?;
    let images = package().tagged("1");
    let wrong = RegistryAuth::Basic(USER.to_owned(), "another".to_owned());
    for auth in [RegistryAuth::Anonymous, wrong] {
        let error = push(&to, true, &auth, &images).await.expect_err("refused");
        assert!(format!("{error:#}").contains("--password-stdin"), "{error:#}");
    }
    push(&to, true, &RegistryAuth::Basic(USER.to_owned(), PASSWORD.to_owned()), &images).await
}

#[tokio::test]
async fn a_registry_without_tls_wants_to_be_called_insecure() -> Result<()> {
    let registry = Registry::start(false).await?;
    let pushed =
        push(&destination(&registry)?, false, &RegistryAuth::Anonymous, &package().tagged("1")).await;
    let error = pushed.err().context("https to an http port")?;
    assert!(format!("{error:#}").contains("--insecure"), "{error:#}");
    Ok(())
}
