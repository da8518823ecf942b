// SPDX-License-Identifier: Apache-2.0
//! Who pushes: a user by the command line, or what `docker login` has stored.

use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};
use docker_credential::{CredentialRetrievalError as Missing, DockerCredential};
use oci_client::secrets::RegistryAuth;

use super::destination::Destination;
use super::options::Options;

/// The name that Docker's configuration has for its own registry.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The credentials for a registry; none are asked for where none are stored.
pub fn credentials(options: &Options, to: &Destination) -> Result<RegistryAuth> {
    if let Some(user) = &options.user {
        return Ok(RegistryAuth::Basic(user.clone(), password()?));
    }
    let server = if to.registry == "docker.io" { DOCKER_HUB } else { &to.registry };
    match docker_credential::get_credential(server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(_)) => {
            bail!(
                "`docker login` stored an identity token for {server}, which cannot be used here: give --user and --password-stdin"
            )
        }
        Err(Missing::ConfigNotFound | Missing::ConfigReadError | Missing::NoCredentialConfigured) => {
            Ok(RegistryAuth::Anonymous)
        }
        Err(error) => Err(error).with_context(|| {
            format!("read Docker's credentials for {server}; or give --user and --password-stdin")
        }),
    }
}

fn password() -> Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("--password-stdin")?;
    let password = text.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "--password-stdin: there is no password on standard input");
    Ok(password.to_owned())
}
