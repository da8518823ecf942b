// SPDX-License-Identifier: Apache-2.0
//! The layout and the SBOM, read as others read them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use cyclonedx_bom::prelude::{Bom, Validate};
use flate2::read::GzDecoder;
use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType, OciLayout};
use shadow_filter_image::sha256;
use tempfile::TempDir;

use crate::package;

/// A blob, if it is what its descriptor says.
fn blob(layout: &Path, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let digest = descriptor.digest().digest();
    let bytes = fs::read(layout.join("blobs/sha256").join(digest))?;
    ensure!(sha256(&bytes) == digest && u64::try_from(bytes.len())? == descriptor.size(), "{descriptor:?}");
    Ok(bytes)
}

/// Writes the package and reads its manifests, by tag.
fn written() -> Result<(TempDir, Vec<(String, ImageManifest)>)> {
    let out = TempDir::new()?;
    package().write(out.path())?;
    let layout = out.path().join("layout");
    OciLayout::from_file(layout.join("oci-layout"))?;
    let index = ImageIndex::from_file(layout.join("index.json"))?;
    let mut manifests = Vec::new();
    for descriptor in index.manifests() {
        ensure!(*descriptor.media_type() == MediaType::ImageManifest);
        let annotations = descriptor.annotations().as_ref().context("annotations")?;
        let tag = &annotations["org.opencontainers.image.ref.name"];
        manifests.push((tag.clone(), ImageManifest::from_reader(blob(&layout, descriptor)?.as_slice())?));
    }
    Ok((out, manifests))
}

#[test]
fn the_layout_has_both_variants_with_the_module_as_it_is() -> Result<()> {
    let (out, manifests) = written()?;
    let layout = out.path().join("layout");
    let module = fs::read(out.path().join("shadow_filter.wasm"))?;
    let [(compat_tag, compat), (artifact_tag, artifact)] = manifests.as_slice() else {
        panic!("{manifests:?}");
    };
    assert_eq!(*compat_tag, package().version);
    assert_eq!(*artifact_tag, format!("{}-artifact", package().version));

    let [layer] = compat.layers().as_slice() else { panic!("{compat:?}") };
    assert_eq!(*layer.media_type(), MediaType::ImageLayerGzip);
    let mut tar = Vec::new();
    GzDecoder::new(blob(&layout, layer)?.as_slice()).read_to_end(&mut tar)?;
    let config = ImageConfiguration::from_reader(blob(&layout, compat.config())?.as_slice())?;
    assert_eq!(*config.rootfs().diff_ids(), [format!("sha256:{}", sha256(&tar))]);
    let mut files = 0;
    for entry in tar::Archive::new(tar.as_slice()).entries()? {
        let mut entry = entry?;
        assert_eq!(entry.path()?, Path::new("plugin.wasm"));
        assert_eq!(entry.header().mtime()?, 0);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        assert!(bytes == module, "plugin.wasm is another module");
        files += 1;
    }
    assert_eq!(files, 1);

    let [runtime, layer] = artifact.layers().as_slice() else { panic!("{artifact:?}") };
    assert_eq!(runtime.media_type().to_string(), "application/vnd.module.wasm.config.v1+json");
    assert_eq!(layer.media_type().to_string(), "application/vnd.module.wasm.content.layer.v1+wasm");
    assert!(blob(&layout, layer)? == module, "the artifact is another module");
    let runtime: serde_json::Value = serde_json::from_slice(&blob(&layout, runtime)?)?;
    assert_eq!(runtime["type"], "envoy_proxy");
    Ok(())
}

#[test]
fn both_variants_say_what_they_are() -> Result<()> {
    for (tag, manifest) in written()?.1 {
        let labels = manifest.annotations().as_ref().context("annotations")?;
        let label = |key: &str| labels.get(&format!("org.opencontainers.image.{key}")).map(String::as_str);
        assert_eq!(label("title"), Some("shadow-filter"), "{tag}");
        assert_eq!(label("version"), Some(env!("CARGO_PKG_VERSION")), "{tag}");
        assert_eq!(label("licenses"), Some("Apache-2.0"), "{tag}");
        let revision = package().commit.as_ref().map(|commit| commit.revision());
        assert_eq!(label("revision"), revision.as_deref(), "{tag}");
        let variant = labels.get("module.wasm.image/variant").map(String::as_str);
        assert_eq!(variant, (!tag.ends_with("-artifact")).then_some("compat"), "{tag}");
    }
    Ok(())
}

#[test]
fn a_second_run_replaces_the_layout_but_no_files_of_others() -> Result<()> {
    let (out, _) = written()?;
    let stale = out.path().join("layout/blobs/sha256/stale");
    fs::write(&stale, "of an earlier version")?;
    package().write(out.path())?;
    assert!(!stale.exists());
    fs::remove_file(out.path().join("layout/oci-layout"))?;
    let error = package().write(out.path()).expect_err("somebody's files").to_string();
    assert!(error.contains("choose another --out"), "{error}");
    Ok(())
}

#[test]
fn the_sbom_is_valid_and_names_what_is_linked() -> Result<()> {
    let bill = Bom::parse_from_json_v1_5(package().sbom.as_slice())?;
    let found = bill.validate();
    assert!(found.passed(), "{found:?}");
    let components = bill.components.context("components")?.0;
    let names: BTreeSet<&str> = components.iter().map(|component| component.name.as_ref()).collect();
    for linked in ["serde_json", "regex-lite", "miniz_oxide", "memchr", "rust-std"] {
        assert!(names.contains(linked), "{linked} is not in {names:?}");
    }
    for other in ["proptest", "tokio", "serde_derive", "syn", "shadow-filter-harness"] {
        assert!(!names.contains(other), "{other} is not linked");
    }
    Ok(())
}
