// SPDX-License-Identifier: Apache-2.0
//! The module, built so that it does not tell where.
//!
//! Messages of panics have the paths of source files in them. Cargo passes those of other crates with the folder that it keeps
//! them in, which is in somebody's home; each is called by the crate's name here.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Artifact, Message, PackageId};
use harness::wasm::{self, TARGET};

use super::crates::{Crates, FILTER};
use super::workshop::{Compiler, Workshop};

/// A module and what is in it.
pub struct Module {
    pub bytes: Vec<u8>,
    /// The crates whose code is linked into it, the filter's own among them.
    pub linked: BTreeSet<PackageId>,
}

impl Module {
    /// Builds it, as `cargo wasm` does but for the flags. Cargo's progress goes to standard error.
    pub fn build(workshop: &Workshop, crates: &Crates, compiler: &Compiler) -> Result<Self> {
        wasm::add_target()?;
        let mut cargo = workshop
            .cargo()
            .args(["build", "--release", "--locked", "--target", TARGET, "--package", FILTER, "--lib"])
            .args(["--message-format", "json-render-diagnostics"])
            .env("CARGO_ENCODED_RUSTFLAGS", flags(crates, compiler))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("run cargo")?;
        let output = cargo.stdout.take().context("cargo's output")?;
        let compiled_to = workshop.target_dir.join(TARGET);
        let (mut linked, mut file) = (BTreeSet::new(), None);
        for message in Message::parse_stream(BufReader::new(output)) {
            let Message::CompilerArtifact(artifact) = message.context("read what cargo says")? else {
                continue;
            };
            // Others are compiled for this machine: build scripts, macros and what these use.
            if artifact.filenames.iter().any(|name| name.starts_with(&compiled_to)) {
                file = module_of(&artifact).or(file);
                linked.insert(artifact.package_id);
            }
        }
        ensure!(cargo.wait()?.success(), "cargo could not build the module: see what it says above");
        let file = file.context("cargo built the library, but no module")?;
        let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        Ok(Self { bytes, linked })
    }
}

fn module_of(artifact: &Artifact) -> Option<PathBuf> {
    let file = artifact.filenames.iter().find(|name| name.extension() == Some("wasm"))?;
    Some(file.clone().into_std_path_buf())
}

/// Flags as Cargo takes them from its environment, in place of all that are configured.
fn flags(crates: &Crates, compiler: &Compiler) -> OsString {
    let library = (compiler.sources.display().to_string(), compiler.library.clone());
    let mut flags: Vec<_> = crates.folders().chain([library]).collect();
    flags.sort();
    let flags: Vec<_> =
        flags.into_iter().map(|(folder, name)| format!("--remap-path-prefix={folder}={name}")).collect();
    flags.join("\u{1f}").into()
}
