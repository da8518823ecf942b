// SPDX-License-Identifier: Apache-2.0
//! Data that VMs share, each under a key and with a version, as Envoy keeps it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::imports::Status;

/// A handle; clones are the same data.
#[derive(Clone, Default)]
pub struct SharedData(Arc<Mutex<Data>>);

#[derive(Default)]
struct Data {
    by_key: BTreeMap<String, (Vec<u8>, u32)>,
    versions: u32,
}

impl SharedData {
    pub fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.0.lock().unwrap().by_key.get(key).cloned()
    }

    /// Version 0 replaces whatever is there; any version does where there is nothing.
    pub fn set(&self, key: &str, value: Vec<u8>, version: u32) -> Status {
        let mut data = self.0.lock().unwrap();
        let current = data.by_key.get(key).map(|(_, version)| *version);
        if version != 0 && current.is_some_and(|current| current != version) {
            return Status::CasMismatch;
        }
        data.versions += 1;
        let version = data.versions;
        data.by_key.insert(key.to_owned(), (value, version));
        Status::Ok
    }

    pub fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let data = self.0.lock().unwrap();
        data.by_key.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }
}
