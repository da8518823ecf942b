// SPDX-License-Identifier: Apache-2.0
//! Bringing images to a registry, byte for byte as they are in the layout.

use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

use super::destination::Destination;
use super::image::Image;

const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(60);

/// Pushes images with their tags to the repository of `to`, and sees to it that the registry has them under their digests.
pub async fn push(
    to: &Destination,
    insecure: bool,
    auth: &RegistryAuth,
    images: &[(String, &Image)],
) -> Result<()> {
    // There may be one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ClientConfig {
        protocol: if insecure { ClientProtocol::Http } else { ClientProtocol::Https },
        // The blobs are small, and not every registry takes chunks.
        use_monolithic_push: true,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(READ),
        ..ClientConfig::default()
    };
    let client = Client::try_from(config).context("prepare TLS")?;
    let total = images.iter().map(|(_, image)| image.blobs.len() + 1).sum::<usize>();
    let bar = ProgressBar::new(u64::try_from(total)?);
    bar.set_style(ProgressStyle::with_template("{bar:30} {msg}")?.progress_chars("█▌░"));
    for (tag, image) in images {
        let reference = to.reference(tag);
        bar.set_message(reference.to_string());
        push_one(&client, &reference, auth, image, &bar)
            .await
            .map_err(|error| explained(error, to, insecure))?;
        let digest = client.fetch_manifest_digest(&reference, auth).await?;
        let expected = image.manifest.digest();
        ensure!(digest == expected, "{reference}: the registry has {digest} now, and was sent {expected}");
    }
    bar.finish_and_clear();
    Ok(())
}

async fn push_one(
    client: &Client,
    reference: &Reference,
    auth: &RegistryAuth,
    image: &Image,
    bar: &ProgressBar,
) -> Result<(), OciDistributionError> {
    client.store_auth_if_needed(reference.resolve_registry(), auth).await;
    for blob in &image.blobs {
        match client.push_blob(reference, blob.bytes.clone(), &blob.digest()).await {
            // Some registries take it and do not say where it is.
            Err(OciDistributionError::RegistryNoLocationError)
                if client.blob_exists(reference, &blob.digest()).await? => {}
            pushed => drop(pushed?),
        }
        bar.inc(1);
    }
    let media_type = image.manifest.media_type.to_string();
    let media_type = media_type.parse().map_err(|_| OciDistributionError::GenericError(Some(media_type)))?;
    match client.push_manifest_raw(reference, image.manifest.bytes.clone(), media_type).await {
        // The manifest's digest is asked for afterwards in any case.
        Err(OciDistributionError::RegistryNoLocationError) => {}
        pushed => drop(pushed?),
    }
    bar.inc(1);
    Ok(())
}

/// What to do about it.
fn explained(error: OciDistributionError, to: &Destination, insecure: bool) -> Error {
    use OciDistributionError as Fault;
    let registry = &to.registry;
    let refused = match &error {
        Fault::UnauthorizedError { .. } | Fault::AuthenticationFailure(_) => true,
        Fault::ServerError { code, .. } => matches!(code, 401 | 403),
        Fault::RequestError(error) => error.status().is_some_and(|status| status == 401 || status == 403),
        _ => false,
    };
    let advice = match &error {
        _ if refused => format!(
            "{registry} wants other credentials for {}: `docker login {registry}`, or give --user and \
             --password-stdin",
            to.repository
        ),
        Fault::RequestError(error) if error.status().is_none() && insecure => {
            format!("{registry} cannot be reached over http; is it running, and is it without TLS?")
        }
        Fault::RequestError(error) if error.status().is_none() => {
            format!("{registry} cannot be reached over https; a registry without TLS wants --insecure")
        }
        _ => format!("{registry} did not take it"),
    };
    anyhow!(error).context(advice)
}
