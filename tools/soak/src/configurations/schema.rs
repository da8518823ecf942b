// SPDX-License-Identifier: Apache-2.0
//! Which keys this build knows.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Schema(Arc<Value>);

impl Schema {
    pub fn shipped() -> Result<Self> {
        let file = harness::root().join("envoy/config.schema.json");
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        Ok(Self(Arc::new(serde_json::from_str(&text)?)))
    }

    /// Whether a mirror may have this key.
    pub fn has(&self, key: &str) -> bool {
        self.0.pointer("/$defs/mirror/properties").is_some_and(|keys| keys.get(key).is_some())
    }

    /// Whether a duration may be `0.25s`.
    pub fn takes_fractions(&self) -> bool {
        let pattern = self.0.pointer("/$defs/duration/pattern").and_then(Value::as_str);
        pattern.is_some_and(|pattern| pattern.contains("\\."))
    }
}
