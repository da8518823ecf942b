// SPDX-License-Identifier: Apache-2.0
//! Where proxies get modules: an OCI registry and a web server.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use harness::client::{Http1, Request};
use harness::process::Process;
use harness::upstream::{RawUpstream, Reply, Upstream};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::control_plane::until;
use crate::free;
use crate::private;
use crate::tools::{Tools, run};

pub struct Images {
    tools: Tools,
    _registry: Process,
    registry: String,
    private: RawUpstream,
    web: Upstream,
    oci: Source,
    http: Source,
}

/// The two lines of a manifest that say which module.
#[derive(Clone, Debug)]
pub struct Source {
    pub url: String,
    pub sha256: Option<String>,
}

impl Images {
    pub async fn serve(tools: &Tools) -> Result<Self> {
        let port = free::port()?;
        let registry = format!("127.0.0.1:{port}");
        let mut command = tools.command("crane");
        command.args(["registry", "serve", "--address", &registry]);
        let mut process = Process::spawn(command)?;
        let client = Http1::new(([127, 0, 0, 1], port).into());
        until("the registry serves", &mut process, async || {
            Ok(client.request(Request::get("/v2/")).await.is_ok_and(|answer| answer.is_success()))
        })
        .await?;
        let package = spawn_blocking({
            let registry = registry.clone();
            move || Package::push(&registry)
        })
        .await??;
        let web = Upstream::http1().await?;
        let content = package.module.clone();
        web.respond_with(move |request| match request.path_only() {
            "/shadow_filter.wasm" => Reply::status(200).body(content.clone()),
            "/page.wasm" => Reply::status(200).body("<!doctype html><p>Please log in"),
            "/nonsense.wasm" => Reply::status(200).body(NONSENSE),
            _ => Reply::status(404),
        });
        let private = private::serve().await?;
        let url = format!("http://{}/shadow_filter.wasm", web.addr());
        let Package { oci, file_digest, .. } = package;
        let http = Source { url, sha256: Some(file_digest) };
        Ok(Self { _registry: process, tools: tools.clone(), registry, private, oci, http, web })
    }

    /// Hosts and ports of the registries, for agents that have to be told that they speak plain HTTP.
    pub fn registries(&self) -> String {
        format!("{},{}", self.registry, self.private.addr())
    }

    /// The filter, by the digest of its image's manifest.
    pub fn oci(&self) -> Source {
        self.oci.clone()
    }

    /// The same, with the digest in the reference.
    pub fn oci_in_one_line(&self) -> Result<Source> {
        let digest = self.oci.sha256.as_deref().context("no digest")?;
        Ok(Source { url: format!("oci://{}/shadow-filter@sha256:{digest}", self.registry), sha256: None })
    }

    /// The filter as an OCI artifact.
    pub fn artifact(&self) -> Source {
        Source { url: format!("{}-artifact", self.oci.url), sha256: None }
    }

    /// The filter, by the digest of the file.
    pub fn http(&self) -> Source {
        self.http.clone()
    }

    /// How often the filter was asked for as a file.
    pub fn fetched_by_http(&self) -> usize {
        self.web.find_all(|request| request.path_only() == "/shadow_filter.wasm").len()
    }

    /// An image that is not there.
    pub fn missing(&self) -> Source {
        Source { url: format!("oci://{}/shadow-filter:missing", self.registry), sha256: None }
    }

    /// A file that is not there.
    pub fn missing_file(&self) -> Source {
        self.file("missing.wasm")
    }

    /// The image, with the digest of another.
    pub fn wrong_digest(&self) -> Source {
        Source { sha256: Some("0".repeat(64)), ..self.oci() }
    }

    /// The file, with the digest of another.
    pub fn wrong_file_digest(&self) -> Source {
        Source { sha256: Some("0".repeat(64)), ..self.http() }
    }

    /// A page in the place of the file, such as one that asks for a password.
    pub fn text(&self) -> Source {
        self.file("page.wasm")
    }

    /// A file that is WebAssembly by its first bytes only.
    pub fn nonsense(&self) -> Source {
        self.file("nonsense.wasm")
    }

    fn file(&self, name: &str) -> Source {
        Source { url: format!("http://{}/{name}", self.web.addr()), sha256: None }
    }

    /// An image with something else in it.
    pub fn without_module(&self) -> Result<Source> {
        let directory = TempDir::new()?;
        fs::write(directory.path().join("README"), "no module")?;
        push(&self.tools, &self.registry, "no-module:0.1.0", directory.path(), "README")
    }

    /// A registry that lets nobody in.
    pub fn private(&self) -> Source {
        Source { url: format!("oci://{}/shadow-filter:0.1.0", self.private.addr()), sha256: None }
    }

    /// A registry that does not answer.
    pub fn nowhere(&self) -> Result<Source> {
        Ok(Source { url: format!("oci://127.0.0.1:{}/shadow-filter:0.1.0", free::port()?), sha256: None })
    }
}

const NONSENSE: &[u8] = b"\0asm\x01\0\0\0and then nothing that makes sense";

/// Pushes an image with one file, and gives its place and digest.
fn push(tools: &Tools, registry: &str, name: &str, directory: &Path, file: &str) -> Result<Source> {
    let (layer, reference) = (directory.join("layer.tar"), format!("{registry}/{name}"));
    run(Command::new("tar").arg("-cf").arg(&layer).arg("-C").arg(directory).arg(file))?;
    run(tools
        .command("crane")
        .args(["append", "--oci-empty-base", "--insecure", "-t", &reference, "-f"])
        .arg(&layer))?;
    let digest = run(tools.command("crane").args(["digest", "--insecure", &reference]))?;
    let digest = digest.trim().strip_prefix("sha256:").context("a digest of another kind")?.to_owned();
    Ok(Source { url: format!("oci://{reference}"), sha256: Some(digest) })
}

/// What `cargo package-image` made, and what it said to write in a manifest.
struct Package {
    module: Vec<u8>,
    oci: Source,
    file_digest: String,
}

impl Package {
    fn push(registry: &str) -> Result<Self> {
        let directory = TempDir::new()?;
        let mut cargo = harness::wasm::cargo();
        let reference = format!("{registry}/shadow-filter");
        let said = run(cargo
            .args(["package-image", "--insecure", "--push", &reference, "--out"])
            .arg(directory.path())
            .current_dir(harness::root()))?;
        let lines = |key: &str| {
            let lines = said.lines().filter_map(|line| line.trim().strip_prefix(key));
            lines.map(|value| value.trim().to_owned()).collect::<Vec<_>>()
        };
        let (urls, digests) = (lines("url:"), lines("sha256:"));
        let ([url, ..], [image, file]) = (&urls[..], &digests[..]) else {
            bail!("cargo package-image says:\n{said}")
        };
        Ok(Self {
            module: fs::read(directory.path().join("shadow_filter.wasm"))?,
            oci: Source { url: url.clone(), sha256: Some(image.clone()) },
            file_digest: file.clone(),
        })
    }
}
