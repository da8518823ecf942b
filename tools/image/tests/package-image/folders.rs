// SPDX-License-Identifier: Apache-2.0
//! The same commit, built as on two machines.

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use shadow_filter_image::{Package, Workshop};
use tempfile::TempDir;

/// A clone of this repository's last commit.
fn clone(to: &Path) -> Result<()> {
    let output = Command::new("git").args(["clone", "--quiet"]).arg(harness::root()).arg(to).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git clone, which this test needs: {said}");
    Ok(())
}

fn cargo_home() -> Result<PathBuf> {
    let default = || Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default).context("no CARGO_HOME and no HOME")
}

/// Another home of Cargo with the same crates and settings in it.
fn home_elsewhere(home: &Path) -> Result<()> {
    std::fs::create_dir_all(home)?;
    for name in ["registry", "git", "config.toml", "config"] {
        let real = cargo_home()?.join(name);
        if real.exists() {
            symlink(real, home.join(name))?;
        }
    }
    Ok(())
}

#[test]
fn the_same_commit_gives_the_same_image_in_another_folder() -> Result<()> {
    let (one, other) = (TempDir::new()?, TempDir::new()?);
    let deep = other.path().join("a/folder/with a longer name");
    let home = other.path().join("home");
    home_elsewhere(&home)?;
    let workshops = [
        Workshop { root: one.path().join("a"), target_dir: one.path().join("target"), cargo_home: None },
        Workshop { target_dir: deep.join("target"), root: deep, cargo_home: Some(home.clone()) },
    ];
    let mut packages = Vec::new();
    for workshop in &workshops {
        clone(&workshop.root)?;
        packages.push(Package::build(workshop)?);
    }
    let [first, second] = packages.as_slice() else { panic!("two packages") };
    assert_eq!(first.module_sha256(), second.module_sha256());
    assert_eq!(first.compat.manifest.digest(), second.compat.manifest.digest());
    assert_eq!(first.artifact.manifest.digest(), second.artifact.manifest.digest());
    assert!(first.sbom == second.sbom, "another SBOM");

    let text = String::from_utf8_lossy(&second.module);
    let folders = [one.path().to_owned(), other.path().to_owned(), cargo_home()?];
    for folder in folders.iter().map(|folder| folder.display().to_string()) {
        assert!(!text.contains(&folder), "the module tells of {folder}");
    }
    assert!(text.contains("/crates/serde_json-"), "the module has no paths at all: nothing was shown");
    Ok(())
}
