// SPDX-License-Identifier: Apache-2.0
//! The segments of a folder: their names, their sizes, and which may be deleted.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the name of a segment begins with.
const PREFIX: &str = "exchanges-";
/// A segment that is being written, or was when its process ended.
pub const OPEN: &str = ".open";
/// A file that is made of a segment and is not complete.
pub const UNFINISHED: &str = ".unfinished";

/// The segments of a folder in the order in which they were written, each in its final form where it has one.
pub fn segments(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = all(folder)?;
    let replaced: Vec<bool> = found.iter().map(|path| final_form(path).is_some()).collect();
    let mut replaced = replaced.into_iter();
    found.retain(|_| !replaced.next().unwrap_or_default());
    Ok(found)
}

/// What an open segment has become, if it has.
pub fn final_form(open: &Path) -> Option<PathBuf> {
    let name = open.display().to_string();
    let plain = name.strip_suffix(OPEN)?;
    let forms = [plain.to_owned(), format!("{plain}.zst")];
    forms.into_iter().map(PathBuf::from).find(|form| form.exists())
}

/// Every segment, also those that stand beside their final form.
pub fn all(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(PREFIX) && !name.ends_with(UNFINISHED) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Files that a crash left half made.
pub fn unfinished(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_unfinished = |path: &PathBuf| path.display().to_string().ends_with(UNFINISHED);
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let paths: io::Result<Vec<PathBuf>> = entries.collect();
    Ok(paths?.into_iter().filter(is_unfinished).collect())
}

/// The name, without an ending, of a segment that begins now. Names sort by time; `number` tells those of one instant apart.
pub fn stem(now: SystemTime, number: u64) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
    let time: String = time.chars().filter(|character| !matches!(character, '-' | ':' | 'Z')).collect();
    format!("{PREFIX}{time}.{:03}Z-{number:04}", since.subsec_millis())
}

/// The segments that are not written any more. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Arc<Mutex<BTreeMap<PathBuf, Kept>>>);

#[derive(Clone, Copy, Debug)]
struct Kept {
    bytes: u64,
    /// It is being brought into its final form.
    is_busy: bool,
}

impl Shelf {
    pub fn put(&self, path: PathBuf, bytes: u64, is_busy: bool) {
        self.lock().insert(path, Kept { bytes, is_busy });
    }

    /// A busy segment has its final form. At once, so that its bytes are counted all the time and never twice.
    pub fn replace(&self, open: &Path, done: PathBuf, bytes: u64) {
        let mut kept = self.lock();
        kept.remove(open);
        kept.insert(done, Kept { bytes, is_busy: false });
    }

    pub fn bytes(&self) -> u64 {
        self.lock().values().map(|kept| kept.bytes).sum()
    }

    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Deletes the oldest segment that nobody works on. `false` if there is none.
    pub fn delete_oldest(&self) -> io::Result<bool> {
        let mut kept = self.lock();
        let oldest = kept.iter().find(|(_, kept)| !kept.is_busy).map(|(path, _)| path.clone());
        let Some(path) = oldest else { return Ok(false) };
        kept.remove(&path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            // Somebody else has deleted it.
            _ => Ok(true),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
