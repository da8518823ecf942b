// SPDX-License-Identifier: Apache-2.0

//! From a bootstrap to the files that Envoy reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_yaml_ng::Value;

use super::place::{entry, yaml};
use super::{Bootstrap, filter};
use crate::wasm;

pub(crate) struct Rendered {
    pub(crate) bootstrap: RenderedFile,
    /// The listeners, if they have a file of their own.
    pub(crate) listeners: Option<RenderedFile>,
}

pub(crate) struct RenderedFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl RenderedFile {
    /// Renames the file into place: Envoy looks for a file that is moved, and never sees half a file.
    pub(crate) fn write(&self) -> Result<()> {
        let new = self.path.with_extension("new");
        fs::write(&new, &self.text).with_context(|| format!("write {}", new.display()))?;
        fs::rename(&new, &self.path).with_context(|| format!("write {}", self.path.display()))
    }
}

impl Bootstrap {
    /// Builds the filter first if it is needed and was not named. Blocks.
    pub(crate) fn render(&self, directory: &Path) -> Result<Rendered> {
        let mut rendered = self.clone();
        for listener in rendered.listeners() {
            let port = listener["name"].as_str().and_then(|name| self.ports.get(name)).copied().unwrap_or(0);
            *entry(&mut listener["address"]["socket_address"], "port_value") = port.into();
            if filter::is_in(listener) {
                let own = listener["name"].as_str().and_then(|name| self.modules.get(name));
                let module = match own.or(self.module.as_ref()) {
                    Some(module) => std::path::absolute(module)?,
                    None => wasm::module()?,
                };
                filter::set_module(listener, &module);
                if own.is_some() {
                    filter::unrestrict(listener);
                }
            }
        }
        *entry(&mut rendered.value["admin"]["address"]["socket_address"], "port_value") = 0.into();
        let listeners = match self.dynamic_listeners {
            true => Some(rendered.deliver_listeners(directory)?),
            false => None,
        };
        Ok(Rendered { bootstrap: self.file(directory, "envoy", &rendered.value)?, listeners })
    }

    fn deliver_listeners(&mut self, directory: &Path) -> Result<RenderedFile> {
        let mut listeners = std::mem::take(self.listeners());
        for listener in &mut listeners {
            *entry(listener, "@type") = "type.googleapis.com/envoy.config.listener.v3.Listener".into();
        }
        let mut response = yaml("version_info: '1'");
        *entry(&mut response, "resources") = Value::Sequence(listeners);

        let file = self.file(directory, "listeners", &response)?;

        let mut source = yaml("resource_api_version: V3");
        *entry(entry(&mut source, "path_config_source"), "path") = file.path.display().to_string().into();
        *entry(entry(&mut self.value, "dynamic_resources"), "lds_config") = source;
        *entry(&mut self.value, "node") = yaml("{id: harness, cluster: harness}");
        Ok(file)
    }

    fn file(&self, directory: &Path, name: &str, value: &Value) -> Result<RenderedFile> {
        let (extension, text) = match self.yaml_files {
            true => ("yaml", serde_yaml_ng::to_string(value).context("write the bootstrap as YAML")?),
            false => ("json", serde_json::to_string_pretty(value).context("write the bootstrap as JSON")?),
        };
        Ok(RenderedFile { path: directory.join(name).with_extension(extension), text })
    }
}
