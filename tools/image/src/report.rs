// SPDX-License-Identifier: Apache-2.0
//! What was made, and what to write in a manifest.

use std::fmt::Write;
use std::path::Path;

use super::destination::Destination;
use super::package::{LAYOUT, MODULE, Package, SBOM};

/// Stands for a registry as long as nothing is pushed.
const NOWHERE: &str = "REGISTRY/shadow-filter";

/// The text for a person.
pub fn text(package: &Package, out: &Path, pushed: Option<&Destination>) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = describe(&mut text, package, out, pushed);
    text
}

fn describe(
    text: &mut String,
    package: &Package,
    out: &Path,
    pushed: Option<&Destination>,
) -> std::fmt::Result {
    let version = &package.version;
    let tag = pushed.and_then(|to| to.tag.as_ref()).unwrap_or(version);
    let revision = package.commit.as_ref().map_or("no revision".to_owned(), |commit| commit.revision());
    let module = package.module_sha256();
    let digest = package.compat.manifest.sha256();
    writeln!(text, "shadow-filter {version}, {revision}, Rust {}\n", package.compiler)?;
    writeln!(text, "module  {}, {} bytes", out.join(MODULE).display(), package.module.len())?;
    writeln!(text, "SBOM    {}, {} crates", out.join(SBOM).display(), package.crates)?;
    writeln!(text, "layout  {}", out.join(LAYOUT).display())?;
    for (tag, image) in package.tagged(version) {
        writeln!(text, "        {tag:<16} {}", image.manifest.digest())?;
    }
    let place = match pushed {
        None => NOWHERE.to_owned(),
        Some(to) => {
            writeln!(text, "pushed")?;
            let place = to.name();
            for (tag, _) in package.tagged(tag) {
                writeln!(text, "        {place}:{tag}")?;
            }
            place
        }
    };
    writeln!(text, "\nIn a WasmPlugin under `spec`, in a TrafficExtension under `spec.wasm`:\n")?;
    writeln!(text, "  url: oci://{place}:{tag}\n  sha256: {digest}\n")?;
    writeln!(text, "or in one line:\n\n  url: oci://{place}@sha256:{digest}\n")?;
    writeln!(text, "or with the module's file on a web server, where sha256 is that of the file:\n")?;
    writeln!(text, "  url: http://HOST/{MODULE}\n  sha256: {module}")
}
