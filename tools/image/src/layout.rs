// SPDX-License-Identifier: Apache-2.0
//! An OCI layout: a folder that skopeo, crane, oras and podman read as they do a registry.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use oci_spec::image::{ImageIndexBuilder, MediaType, OciLayoutBuilder, SCHEMA_VERSION};

use super::blob::Blob;
use super::image::Image;

const MARKER: &str = "oci-layout";
const TAG: &str = "org.opencontainers.image.ref.name";

/// Writes images with their tags to a folder, in place of the layout that is there.
pub fn write(folder: &Path, images: &[(String, &Image)]) -> Result<()> {
    clear(folder)?;
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("make {}", blobs.display()))?;
    let mut manifests = Vec::new();
    for (tag, image) in images {
        for blob in image.blobs.iter().chain([&image.manifest]) {
            put(&blobs.join(blob.sha256()), &blob.bytes)?;
        }
        let mut manifest = image.manifest.descriptor()?;
        manifest.set_annotations(Some([(TAG.to_owned(), tag.clone())].into()));
        manifests.push(manifest);
    }
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(manifests)
        .build()?;
    put(&folder.join("index.json"), &Blob::json(MediaType::ImageIndex, &index)?.bytes)?;
    let marker = OciLayoutBuilder::default().image_layout_version("1.0.0").build()?;
    put(&folder.join(MARKER), &serde_json::to_vec(&marker)?)
}

/// Removes a layout, and nothing else.
fn clear(folder: &Path) -> Result<()> {
    let has_files = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if !has_files {
        return Ok(());
    }
    let is_layout = folder.join(MARKER).is_file();
    ensure!(
        is_layout,
        "{} has files that are no OCI layout: empty it, or choose another --out",
        folder.display()
    );
    fs::remove_dir_all(folder).with_context(|| format!("replace {}", folder.display()))
}

/// Writes a file, an error that names it if that fails.
pub fn put(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("write {}", file.display()))
}
