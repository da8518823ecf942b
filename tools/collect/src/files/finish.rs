// SPDX-License-Identifier: Apache-2.0
//! Gives full segments their final form in a thread of its own. A segment stays as it is until its final form is on disk.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use super::shelf::{OPEN, Shelf, UNFINISHED};

/// What a segment becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is what it is.
    AsIs,
    Zstd(i32),
}

impl Finish {
    /// What the name of the result has behind that of the segment.
    pub fn ending(self) -> &'static str {
        match self {
            Self::AsIs => "",
            Self::Zstd(_) => ".zst",
        }
    }
}

/// The thread. It ends, having finished what it was given, when it is dropped.
#[derive(Debug)]
pub struct Finisher {
    orders: Option<Sender<PathBuf>>,
    thread: Option<JoinHandle<()>>,
}

impl Finisher {
    pub fn start(finish: Finish, shelf: Shelf) -> io::Result<Self> {
        let (orders, received) = channel::<PathBuf>();
        let work = move || {
            for open in received {
                put_away(&open, finish, &shelf);
            }
        };
        let thread = thread::Builder::new().name("finish".to_owned()).spawn(work)?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// The segment is on the shelf as busy.
    pub fn finish(&self, open: PathBuf) {
        if let Some(orders) = &self.orders {
            // The thread lives as long as this.
            let _ = orders.send(open);
        }
    }
}

impl Drop for Finisher {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn put_away(open: &Path, finish: Finish, shelf: &Shelf) {
    let plain = without_open(open);
    let done = with(&plain, finish.ending());
    let made = match finish {
        Finish::AsIs => fs::rename(open, &done),
        Finish::Zstd(level) => compress(open, &done, level).and_then(|()| fs::remove_file(open)),
    };
    let kept = match made {
        Ok(()) => done,
        Err(error) => {
            eprintln!("{}: stays uncompressed: {error}", plain.display());
            // It is whole as it is. Where it cannot be renamed either, the next start finds it.
            if fs::rename(open, &plain).is_ok() { plain } else { open.to_owned() }
        }
    };
    let bytes = kept.metadata().map_or(0, |data| data.len());
    shelf.replace(open, kept, bytes);
}

fn compress(open: &Path, done: &Path, level: i32) -> io::Result<()> {
    let unfinished = with(done, UNFINISHED);
    let compress = || {
        let mut source = BufReader::new(File::open(open)?);
        let mut encoder = zstd::Encoder::new(File::create(&unfinished)?, level)?;
        encoder.include_checksum(true)?;
        io::copy(&mut source, &mut encoder)?;
        encoder.finish()?.sync_all()
    };
    compress().inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
    fs::rename(&unfinished, done)?;
    sync_folder(done)
}

/// Makes names that were given or taken in the folder of a file outlive a loss of power.
pub fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

pub fn without_open(open: &Path) -> PathBuf {
    let name = open.display().to_string();
    PathBuf::from(name.strip_suffix(OPEN).unwrap_or(&name))
}

pub fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
