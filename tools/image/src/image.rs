// SPDX-License-Identifier: Apache-2.0
//! The two variants of a Wasm image, by the specification of <https://github.com/solo-io/wasm/tree/master/spec>.
//!
//! Istio's agent takes plugin.wasm out of the last layer of the compat variant, which must be a tar+gzip; of the artifact it takes
//! the layer with the module's media type, and insists that there are two layers.

use anyhow::Result;
use oci_spec::image::{
    Arch, ConfigBuilder, ImageConfigurationBuilder, ImageManifestBuilder, MediaType, Os, RootFsBuilder,
    SCHEMA_VERSION,
};
use serde_json::json;

use super::blob::{Blob, sha256};
use super::labels::Labels;
use super::layer;

/// The name that the specification wants.
pub const PLUGIN: &str = "plugin.wasm";
pub const MODULE: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
pub const RUNTIME_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
const TITLE: &str = "org.opencontainers.image.title";

/// A manifest and the blobs that it names.
pub struct Image {
    pub manifest: Blob,
    pub blobs: Vec<Blob>,
}

/// The variant that is an image like any other.
pub fn compat(module: &[u8], labels: &Labels) -> Result<Image> {
    let tar = layer::tar(PLUGIN, module)?;
    let rootfs =
        RootFsBuilder::default().typ("layers").diff_ids([format!("sha256:{}", sha256(&tar))]).build()?;
    // A module runs anywhere. This is what tools ask for that are not told otherwise.
    let config = ImageConfigurationBuilder::default()
        .architecture(Arch::Amd64)
        .os(Os::Linux)
        .config(ConfigBuilder::default().labels(labels.clone()).build()?)
        .rootfs(rootfs)
        .build()?;
    let config = Blob::json(MediaType::ImageConfig, &config)?;
    let layer = Blob::new(MediaType::ImageLayerGzip, layer::gzip(&tar)?);
    let mut annotations = labels.clone();
    annotations.insert("module.wasm.image/variant".to_owned(), "compat".to_owned());
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(config.descriptor()?)
        .layers([layer.descriptor()?])
        .annotations(annotations)
        .build()?;
    Ok(Image { manifest: Blob::json(MediaType::ImageManifest, &manifest)?, blobs: vec![config, layer] })
}

/// The variant that has the module as it is.
pub fn artifact(module: &[u8], labels: &Labels) -> Result<Image> {
    // Any root id will do.
    let runtime = json!({"type": "envoy_proxy", "abiVersions": ["0.2.1"], "config": {"root_ids": []}});
    let config = Blob::json(MediaType::Other(RUNTIME_CONFIG.to_owned()), &runtime)?;
    let module = Blob::new(MediaType::Other(MODULE.to_owned()), module.to_vec());
    let mut layers = Vec::new();
    for (blob, name) in [(&config, "runtime-config.json"), (&module, PLUGIN)] {
        let mut layer = blob.descriptor()?;
        layer.set_annotations(Some([(TITLE.to_owned(), name.to_owned())].into()));
        layers.push(layer);
    }
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(config.descriptor()?)
        .layers(layers)
        .annotations(labels.clone())
        .build()?;
    Ok(Image { manifest: Blob::json(MediaType::ImageManifest, &manifest)?, blobs: vec![config, module] })
}
