// SPDX-License-Identifier: Apache-2.0
//! Where the module is built, and by whom.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use harness::wasm;

/// Variables that would make another module of the same sources.
const PROFILES: &str = "CARGO_PROFILE_";
const INCREMENTAL: &str = "CARGO_INCREMENTAL";

/// A folder with the sources, and what is needed to build them.
pub struct Workshop {
    /// The repository.
    pub root: PathBuf,
    /// Where Cargo builds: not where `cargo wasm` does, which has other flags.
    pub target_dir: PathBuf,
    /// Where Cargo keeps the sources of crates, if not where it always does.
    pub cargo_home: Option<PathBuf>,
}

/// The compiler, as it calls itself.
pub struct Compiler {
    /// "1.95.0"
    pub release: String,
    /// What the paths of the standard library in a module begin with.
    pub library: String,
    /// Where these sources are, if they are installed.
    pub sources: PathBuf,
}

impl Workshop {
    /// This repository's.
    pub fn here() -> Self {
        let target_dir = wasm::target_dir().join("package-image");
        Self { root: harness::root(), target_dir, cargo_home: None }
    }

    /// Cargo, to be told what to do.
    pub fn cargo(&self) -> Command {
        let mut cargo = wasm::cargo();
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target_dir).env_remove(INCREMENTAL);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with(PROFILES)) {
                cargo.env_remove(name);
            }
        }
        if let Some(home) = &self.cargo_home {
            cargo.env("CARGO_HOME", home);
        }
        cargo
    }

    pub fn compiler(&self) -> Result<Compiler> {
        let version = self.rustc(&["-vV"])?;
        let field = |name: &str| version.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let commit = field("commit-hash:").context("rustc does not say which commit it is of")?;
        let sysroot = self.rustc(&["--print", "sysroot"])?;
        Ok(Compiler {
            release: field("release:").context("rustc does not say its version")?.to_owned(),
            library: format!("/rustc/{commit}"),
            sources: PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust"),
        })
    }

    fn rustc(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(arguments)
            .current_dir(&self.root)
            .output()
            .context("run rustc; install Rust by https://rustup.rs")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "rustc {} failed:\n{said}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }
}
