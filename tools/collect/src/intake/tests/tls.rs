// SPDX-License-Identifier: Apache-2.0
//! TLS, with certificates that are made for the test.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;

pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("ca.crt"), issuer.pem()).expect("written");
        Self { folder, issuer }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `NAME.crt` and `NAME.key`.
    pub fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let (crt, pem) = (self.file(&format!("{name}.crt")), self.file(&format!("{name}.key")));
        fs::write(&crt, certificate.pem()).expect("written");
        fs::write(&pem, key.serialize_pem()).expect("written");
        (crt, pem)
    }
}

async fn get(
    server: &Server,
    ca: &Authority,
    client: Option<&(PathBuf, PathBuf)>,
) -> anyhow::Result<StatusCode> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(&ca.file("ca.crt"))? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    let mut config = match client {
        Some((crt, key)) => builder.with_client_auth_cert(read_certificates(crt)?, read_key(key)?)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from("localhost")?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = http::Request::get("https://shop.test/secret").body(Empty::<Bytes>::new())?;
    Ok(sender.send_request(request).await?.status())
}

#[tokio::test]
async fn only_who_has_a_certificate_of_the_ca_is_heard() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let (crt, key) = ca.issue("server");
    let tls = |ca_file| TlsOptions {
        tls_cert: Some(crt.clone()),
        tls_key: Some(key.clone()),
        tls_client_ca: ca_file,
    };
    let open = Server::with(&tls(None), 10_000, 100_000);
    assert_eq!(get(&open, &ca, None).await.expect("an answer"), 200);
    let header = |name: &str| open.basket.taken.lock().expect("a lock")[0].header(name).cloned().expect(name);
    assert_eq!((&header(":scheme")[..], &header(":authority")[..]), (&b"https"[..], &b"shop.test"[..]));
    assert!(get(&open, &stranger, None).await.is_err(), "another CA than the client's");
    assert!(Http1::new(open.address).get("/").await.is_err(), "plain text");

    let closed = Server::with(&tls(Some(ca.file("ca.crt"))), 10_000, 100_000);
    assert_eq!(get(&closed, &ca, Some(&ca.issue("client"))).await.expect("an answer"), 200);
    assert!(get(&closed, &ca, None).await.is_err(), "no certificate");
    assert!(get(&closed, &ca, Some(&stranger.issue("client"))).await.is_err(), "of another CA");
    assert_eq!(closed.taken().len(), 1);
}

#[test]
fn a_wrong_file_is_named() {
    let ca = Authority::new();
    let (crt, key) = ca.issue("server");
    let missing =
        TlsOptions { tls_cert: Some("/no/such.crt".into()), tls_key: Some(key), tls_client_ca: None };
    assert!(format!("{:#}", missing.config().expect_err("no file")).contains("/no/such.crt"));
    let (_, other) = Authority::new().issue("other");
    let unfit = TlsOptions { tls_cert: Some(crt.clone()), tls_key: Some(crt), tls_client_ca: None };
    assert!(unfit.config().is_err(), "no key in it");
    assert!(!other.exists());
}
