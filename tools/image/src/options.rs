// SPDX-License-Identifier: Apache-2.0
//! The command line.

use std::path::PathBuf;

use clap::Parser;

use super::destination::Destination;

/// Builds the module, packages it as an image for a registry, and says what to write in a manifest of Istio.
///
/// OUT gets `layout`, an OCI layout with two variants of the image: VERSION, which has plugin.wasm in a layer as every registry
/// and every Istio takes it ("compat"), and VERSION-artifact, which has the bare module as an OCI artifact. Beside it are
/// `shadow_filter.wasm`, to be served over http, and `sbom.cdx.json`, a CycloneDX list of the crates that are linked into the
/// module.
///
/// The same commit gives the same bytes and digests in every folder and on every machine, if the Rust is the same. The module
/// differs from that of `cargo wasm` in one thing: the names of source files in it say nothing of the machine that built it.
/// Times come from the commit, or from SOURCE_DATE_EPOCH. Without git there is no revision in the image; that of a changed tree
/// ends in -dirty.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo package-image", bin_name = "cargo package-image", after_help = AFTER_HELP)]
pub struct Options {
    /// The folder to write to; what an earlier run wrote there is replaced [default: target/image]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Push both variants there too: REGISTRY/NAME[:TAG]. The artifact's tag is TAG-artifact [default tag: the version]
    #[arg(long, value_name = "REFERENCE", value_parser = Destination::parse)]
    pub push: Option<Destination>,

    /// Push over http, not https
    #[arg(long, requires = "push")]
    pub insecure: bool,

    /// The user at the registry, in place of what `docker login` or a credential helper has stored
    #[arg(long, requires_all = ["push", "password_stdin"])]
    pub user: Option<String>,

    /// Read the user's password or token from standard input
    #[arg(long, requires = "user")]
    pub password_stdin: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 failed, and said why; 2 the command line is at fault.

Credentials are looked up in $DOCKER_CONFIG/config.json or ~/.docker/config.json, with its credential helpers.";
