// SPDX-License-Identifier: Apache-2.0
//! TLS of those who send: the certificate that they are shown, and whose certificates they must have.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

#[derive(Args, Clone, Debug, Default)]
pub struct TlsOptions {
    /// Serve TLS with this certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "TLS")]
    pub tls_cert: Option<PathBuf>,

    /// The key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    pub tls_key: Option<PathBuf>,

    /// Take only what comes with a client certificate of this CA, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    pub tls_client_ca: Option<PathBuf>,
}

impl TlsOptions {
    /// `None` without a certificate.
    ///
    /// # Errors
    /// A file cannot be read, or does not fit the others.
    pub fn config(&self) -> Result<Option<Arc<ServerConfig>>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match &self.tls_client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in read_certificates(file)? {
                    roots.add(certificate).with_context(|| file.display().to_string())?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(read_certificates(certificate)?, read_key(key)?)
            .with_context(|| format!("{} and {}", certificate.display(), key.display()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(Arc::new(config)))
    }
}

/// # Errors
/// The file cannot be read, or has none.
pub fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let name = || file.display().to_string();
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).with_context(name)?.collect();
    let all = all.with_context(name)?;
    ensure!(!all.is_empty(), "{}: found no certificate", name());
    Ok(all)
}

/// # Errors
/// The file cannot be read, or has none.
pub fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(file).with_context(|| file.display().to_string())
}
