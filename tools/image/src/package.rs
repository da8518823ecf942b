// SPDX-License-Identifier: Apache-2.0
//! Everything that is made of one module, in memory and in a folder.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::blob::sha256;
use super::commit::{self, Commit};
use super::crates::Crates;
use super::image::{self, Image};
use super::labels::labels;
use super::layout;
use super::module::Module;
use super::sbom::sbom;
use super::workshop::Workshop;

pub const LAYOUT: &str = "layout";
pub const MODULE: &str = "shadow_filter.wasm";
pub const SBOM: &str = "sbom.cdx.json";

pub struct Package {
    pub version: String,
    pub commit: Option<Commit>,
    pub module: Vec<u8>,
    /// How many crates are linked into the module.
    pub crates: usize,
    pub compiler: String,
    pub compat: Image,
    pub artifact: Image,
    pub sbom: Vec<u8>,
}

impl Package {
    /// Builds the module and packages it.
    pub fn build(workshop: &Workshop) -> Result<Self> {
        let compiler = workshop.compiler()?;
        let crates = Crates::of(workshop)?;
        let module = Module::build(workshop, &crates, &compiler)?;
        let commit = Commit::of(&workshop.root);
        let created = commit::created(commit.as_ref())?;
        let package = crates.filter()?;
        let labels = labels(package, commit.as_ref(), created.as_deref());
        Ok(Self {
            version: package.version.to_string(),
            compat: image::compat(&module.bytes, &labels)?,
            artifact: image::artifact(&module.bytes, &labels)?,
            sbom: sbom(&crates, &module, &compiler, created.as_deref())?,
            crates: module.linked.len(),
            compiler: compiler.release,
            module: module.bytes,
            commit,
        })
    }

    /// Both variants, with their tags.
    pub fn tagged(&self, tag: &str) -> [(String, &Image); 2] {
        [(tag.to_owned(), &self.compat), (format!("{tag}-artifact"), &self.artifact)]
    }

    /// Writes all of it to a folder.
    pub fn write(&self, out: &Path) -> Result<()> {
        fs::create_dir_all(out).with_context(|| format!("make {}; choose another --out", out.display()))?;
        layout::write(&out.join(LAYOUT), &self.tagged(&self.version))?;
        layout::put(&out.join(MODULE), &self.module)?;
        layout::put(&out.join(SBOM), &self.sbom)
    }

    /// The SHA-256 of the module's file, in hexadecimal.
    pub fn module_sha256(&self) -> String {
        sha256(&self.module)
    }
}
