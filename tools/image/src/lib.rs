// SPDX-License-Identifier: Apache-2.0
//! Builds the module, and packages it as an image for a registry. The program is `cargo package-image`.

mod blob;
mod commit;
mod crates;
mod credentials;
mod destination;
mod image;
mod labels;
mod layer;
mod layout;
mod module;
mod options;
mod package;
mod push;
mod report;
mod sbom;
mod workshop;

use anyhow::{Context, Result};

use self::commit::Commit;

pub use self::blob::sha256;
pub use self::destination::Destination;
pub use self::options::Options;
pub use self::package::Package;
pub use self::push::push;
pub use self::workshop::Workshop;

/// Lines of `git status` that are worth showing.
const CHANGES: usize = 5;

/// Does what the options say, and returns what is to be printed.
///
/// # Errors
/// The module cannot be built, the package cannot be written, or the registry does not take it.
pub fn run(options: &Options) -> Result<String> {
    // Before the build: a missing password is better known now.
    let auth = options.push.as_ref().map(|to| credentials::credentials(options, to)).transpose()?;
    let package = Package::build(&Workshop::here())?;
    warn(package.commit.as_ref());
    let out = options.out.clone().unwrap_or_else(|| harness::wasm::target_dir().join("image"));
    package.write(&out)?;
    let to = options.push.as_ref();
    if let (Some(to), Some(auth)) = (to, &auth) {
        let images = package.tagged(to.tag.as_ref().unwrap_or(&package.version));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("tokio")?;
        runtime.block_on(push::push(to, options.insecure, auth, &images))?;
    }
    // As one would write it.
    let here = std::env::current_dir().unwrap_or_default();
    Ok(report::text(&package, out.strip_prefix(here).unwrap_or(&out), to))
}

fn warn(commit: Option<&Commit>) {
    match commit {
        None => eprintln!("warning: the sources are not in git; the image has no revision"),
        Some(commit) if !commit.changes.is_empty() => {
            eprintln!("warning: the tree differs from the commit; the revision ends in -dirty:");
            commit.changes.iter().take(CHANGES).for_each(|change| eprintln!("  {change}"));
            if let Some(more) = commit.changes.len().checked_sub(CHANGES).filter(|more| *more > 0) {
                eprintln!("  and {more} more");
            }
        }
        Some(_) => {}
    }
}
