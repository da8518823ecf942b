// SPDX-License-Identifier: Apache-2.0
//! Bytes that are known by their digest, as a registry keeps them.

use anyhow::Result;
use oci_spec::image::{Descriptor, MediaType, Sha256Digest};
use serde::Serialize;
use sha2::{Digest, Sha256};

#[derive(Clone, Debug)]
pub struct Blob {
    pub media_type: MediaType,
    pub bytes: Vec<u8>,
}

impl Blob {
    pub fn new(media_type: MediaType, bytes: Vec<u8>) -> Self {
        Self { media_type, bytes }
    }

    /// A value as JSON with sorted keys: annotations come in no order of their own.
    pub fn json(media_type: MediaType, value: &impl Serialize) -> Result<Self> {
        let mut value = serde_json::to_value(value)?;
        value.sort_all_objects();
        Ok(Self::new(media_type, serde_json::to_vec(&value)?))
    }

    /// The SHA-256 in hexadecimal.
    pub fn sha256(&self) -> String {
        sha256(&self.bytes)
    }

    /// "sha256:…"
    pub fn digest(&self) -> String {
        format!("sha256:{}", self.sha256())
    }

    pub fn descriptor(&self) -> Result<Descriptor> {
        let digest: Sha256Digest = self.sha256().parse()?;
        let size = u64::try_from(self.bytes.len())?;
        Ok(Descriptor::new(self.media_type.clone(), size, digest))
    }
}

/// The SHA-256 of bytes in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
