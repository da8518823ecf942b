// SPDX-License-Identifier: Apache-2.0
//! What is shipped in `examples/istio/`, and what a test makes of it: another image, other ports.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_yaml_ng::{Deserializer, Value};

use crate::images::Source;

/// One document of a manifest.
#[derive(Clone, Debug)]
pub struct Document(Value);

/// The documents of a shipped file, as they are.
pub fn shipped(path: &str) -> Result<Vec<Document>> {
    let path = harness::root().join("examples/istio").join(path);
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    parse(&text).with_context(|| format!("parse {}", path.display()))
}

/// The documents of a text.
pub fn parse(text: &str) -> Result<Vec<Document>> {
    use serde::Deserialize;
    let documents = Deserializer::from_str(text).map(Value::deserialize).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.into_iter().filter(|value| !value.is_null()).map(Document).collect())
}

/// The annotations of `metrics.yaml`, which a pod that mirrors has.
pub fn annotations() -> Result<Vec<(String, String)>> {
    let patch = shipped("metrics.yaml")?;
    let annotations =
        &patch.first().context("metrics.yaml is empty")?.0["spec"]["template"]["metadata"]["annotations"];
    let text = |value: &Value| value.as_str().map(str::to_owned).context("an annotation is no text");
    let annotations = annotations.as_mapping().context("metrics.yaml has no annotations")?;
    annotations.iter().map(|(name, value)| Ok((text(name)?, text(value)?))).collect()
}

impl Document {
    pub fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Whether it has Envoy load a module.
    pub fn is_plugin(&self) -> bool {
        matches!(self.kind(), "WasmPlugin" | "TrafficExtension")
    }

    /// Where a plugin's image and configuration are.
    fn plugin(&mut self) -> &mut Value {
        match self.kind() {
            "TrafficExtension" => &mut self.0["spec"]["wasm"],
            _ => &mut self.0["spec"],
        }
    }

    /// With another image.
    pub fn of(mut self, source: &Source) -> Self {
        let within = self.plugin();
        within["url"] = source.url.as_str().into();
        match &source.sha256 {
            Some(sha256) => within["sha256"] = sha256.as_str().into(),
            None => {
                within.as_mapping_mut().map(|mapping| mapping.remove("sha256"));
            }
        }
        self
    }

    /// With every request copied by its first mirror that the mirror's conditions let through.
    pub fn mirroring_all(mut self) -> Self {
        self.plugin()["pluginConfig"]["mirrors"][0]["percentage"] = 100.into();
        self
    }

    /// A DestinationRule by which a certificate counts only if this one vouches for it.
    pub fn trusting(mut self, certificate: &Path) -> Self {
        self.0["spec"]["trafficPolicy"]["tls"]["caCertificates"] = certificate.display().to_string().into();
        self
    }

    /// With these fields in its specification, in place of what is there.
    pub fn with(mut self, fields: &serde_json::Value) -> Result<Self> {
        let fields: serde_yaml_ng::Mapping = serde_yaml_ng::from_str(&fields.to_string())?;
        let spec = self.0["spec"].as_mapping_mut().context("a document without a specification")?;
        spec.extend(fields);
        Ok(self)
    }

    pub fn to_yaml(&self) -> Result<String> {
        Ok(format!("---\n{}", serde_yaml_ng::to_string(&self.0)?))
    }
}
