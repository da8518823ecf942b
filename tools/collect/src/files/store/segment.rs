// SPDX-License-Identifier: Apache-2.0
//! A file that grows by whole exchanges.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::files::finish::sync_folder;

#[derive(Debug)]
pub struct Segment {
    file: File,
    path: PathBuf,
    /// What is on disk.
    committed: u64,
    begun: SystemTime,
}

impl Segment {
    pub fn create(path: PathBuf, begun: SystemTime) -> io::Result<Self> {
        let file = File::create_new(&path)?;
        sync_folder(&path)?;
        Ok(Self { file, path, committed: 0, begun })
    }

    /// Writes behind what is there.
    pub fn continued(path: PathBuf, begun: SystemTime) -> io::Result<Self> {
        let mut file = File::options().create(true).write(true).truncate(false).open(&path)?;
        let committed = file.seek(SeekFrom::End(0))?;
        sync_folder(&path)?;
        Ok(Self { file, path, committed, begun })
    }

    /// On an error the file is as it was before.
    pub fn commit(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.committed += bytes.len() as u64,
            Err(_) => {
                self.file.set_len(self.committed)?;
                self.file.seek(SeekFrom::Start(self.committed))?;
            }
        }
        written
    }

    pub fn bytes(&self) -> u64 {
        self.committed
    }

    pub fn begun(&self) -> SystemTime {
        self.begun
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
