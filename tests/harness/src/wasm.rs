// SPDX-License-Identifier: Apache-2.0

//! The module under test, the one that does nothing, to measure it against, and the library that moves Envoy's clock. Owns
//! the promise that none is ever stale: who asks for its path gets one that was built from the sources as they are, or
//! the compiler's complaint.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};

use crate::lock::Lock;
use crate::root;

/// What modules are compiled for.
pub const TARGET: &str = "wasm32-wasip1";

struct Module {
    package: &'static str,
    /// What it is compiled for; `None`: this machine.
    target: Option<&'static str>,
    file: &'static str,
    sources: &'static [&'static str],
}

const FILTER: Module = Module {
    package: "shadow-filter",
    target: Some(TARGET),
    file: "shadow_filter.wasm",
    sources: &["src", "Cargo.toml", "Cargo.lock", ".cargo/config.toml", "build.rs"],
};

const IDLE: Module = Module {
    package: "shadow-filter-idle",
    target: Some(TARGET),
    file: "shadow_filter_idle.wasm",
    sources: &["tests/harness/idle", "Cargo.toml", "Cargo.lock", ".cargo/config.toml"],
};

const CLOCK: Module = Module {
    package: "shadow-filter-clock",
    target: None,
    file: "libshadow_filter_clock.so",
    sources: &["tests/harness/clock"],
};

/// The path of `shadow_filter.wasm`, built (as `cargo wasm` does) if it is missing or older than its sources. Blocks
/// while it builds; any number of threads and processes may ask at once.
pub fn module() -> Result<PathBuf> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FILTER.path(&PATH)
}

/// The path of a filter that is made with the same SDK and profile and does nothing, built likewise.
pub fn idle() -> Result<PathBuf> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    IDLE.path(&PATH)
}

/// The path of the library by which a process has a calendar clock of its own, built likewise. Linux only.
pub(crate) fn clock() -> Result<PathBuf> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    CLOCK.path(&PATH)
}

/// Cargo's target directory: `CARGO_TARGET_DIR`, or `target` in the repository's root.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

impl Module {
    fn path(&self, path: &OnceLock<Result<PathBuf, String>>) -> Result<PathBuf> {
        path.get_or_init(|| self.built().map_err(|error| format!("{error:#}")))
            .clone()
            .map_err(|error| anyhow!(error))
    }

    fn built(&self) -> Result<PathBuf> {
        let target_dir = target_dir();
        let module = target_dir.join(self.target.unwrap_or_default()).join("release").join(self.file);
        let _lock = Lock::hold(&target_dir.join(self.file).with_extension("lock"))?;
        if self.is_fresh(&module)? {
            return Ok(module);
        }
        if self.target.is_some() {
            add_target()?;
        }
        self.build(&target_dir)?;
        if !module.is_file() {
            bail!("cargo built {}, but not as {}", self.package, module.display());
        }
        Ok(module)
    }

    fn is_fresh(&self, module: &Path) -> Result<bool> {
        let Ok(metadata) = module.metadata() else {
            return Ok(false);
        };
        let built_at = metadata.modified()?;
        for source in self.sources {
            let path = root().join(source);
            if path.exists() && newest(&path)? >= built_at {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn build(&self, target_dir: &Path) -> Result<()> {
        eprintln!("harness: building {} for {}", self.package, self.target.unwrap_or("this machine"));
        let output = cargo()
            .args(["build", "--release", "--package", self.package, "--lib"])
            .args(self.target.iter().flat_map(|target| ["--target", target]))
            .current_dir(root())
            .env("CARGO_TARGET_DIR", target_dir)
            .output()
            .context("run cargo")?;
        if !output.status.success() {
            bail!("cargo could not build {}:\n{}", self.package, String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

/// The latest change in a file or in a directory tree, directories included: a removed file is a change too.
fn newest(path: &Path) -> Result<SystemTime> {
    let metadata = path.metadata().with_context(|| format!("look at {}", path.display()))?;
    let mut latest = metadata.modified()?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path).with_context(|| format!("list {}", path.display()))? {
            latest = latest.max(newest(&entry?.path())?);
        }
    }
    Ok(latest)
}

/// Cargo, told nothing of the build that runs this program.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes_the_outer_build) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Sees to it that there is a standard library for [`TARGET`], by rustup if need be.
pub fn add_target() -> Result<()> {
    let library = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root())
        .output()
        .context("run rustc; install Rust by https://rustup.rs")?;
    let library = PathBuf::from(String::from_utf8_lossy(&library.stdout).trim());
    if library.is_dir() {
        return Ok(());
    }
    eprintln!("harness: adding the Rust target {TARGET} (rustup target add {TARGET})");
    let added =
        Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()).output().with_context(
            || format!("run rustup; without it, install the Rust target {TARGET} the way Rust was installed"),
        )?;
    if !added.status.success() {
        bail!("rustup target add {TARGET} failed:\n{}", String::from_utf8_lossy(&added.stderr));
    }
    Ok(())
}

/// What cargo tells the tests and build scripts that it runs. Inherited, it would be news to the build scripts of the
/// inner build, which then rebuild on every change between this way of building and `cargo wasm` in a shell.
fn describes_the_outer_build(name: &str) -> bool {
    const PREFIXES: [&str; 5] =
        ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_FEATURE_", "CARGO_CFG_"];
    const NAMES: [&str; 6] = [
        "CARGO_CRATE_NAME",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_MAKEFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}
