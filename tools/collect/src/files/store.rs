// SPDX-License-Identifier: Apache-2.0
//! Segments in a folder, or one file: written, committed, rotated, bounded, and put right after a crash.

mod recovery;
mod segment;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

pub use self::recovery::Recovered;
use self::segment::Segment;
use super::finish::{Finish, Finisher, without_open};
use super::format::Format;
use super::seen::Seen;
use super::shelf::{self, OPEN, Shelf};

/// Where exchanges are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Segments in it.
    Folder(PathBuf),
    /// It grows until it is full.
    File(PathBuf),
}

impl Place {
    /// A path that is no folder and has an ending of this program's is a file.
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !path.is_dir() && Format::of_name(name).is_some() {
            Self::File(path.to_owned())
        } else {
            Self::Folder(path.to_owned())
        }
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::File(path) => path,
        }
    }
}

/// What happens when the bound of the disk is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WhenFull {
    /// The oldest segments are deleted
    #[default]
    Oldest,
    /// Nothing more is taken; senders are told to try again
    Refuse,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub place: Place,
    pub format: Format,
    /// The level; `None`: not compressed.
    pub zstd: Option<i32>,
    /// A segment of this many bytes, uncompressed, is full.
    pub segment_bytes: u64,
    /// So is one of this age.
    pub segment_age: Duration,
    /// Most bytes of all segments together.
    pub max_bytes: u64,
    pub when_full: WhenFull,
}

/// Of one process: the folder is locked.
#[derive(Debug)]
pub struct Store {
    settings: Settings,
    shelf: Shelf,
    finisher: Finisher,
    segment: Option<Segment>,
    opened: u64,
    _lock: File,
}

impl Store {
    /// Opens a place, puts right what a crash left there, and notes the ids that came last.
    ///
    /// # Errors
    /// The place cannot be used, or another process uses it.
    pub fn open(mut settings: Settings, seen: &mut Seen) -> Result<(Self, Recovered)> {
        // A segment is deleted as a whole, and not while it is open.
        settings.segment_bytes = settings.segment_bytes.min(settings.max_bytes / 4);
        let place = settings.place.path().to_owned();
        let name = place.display().to_string();
        let lock = settings.lock().with_context(|| name.clone())?;
        let shelf = Shelf::default();
        let finisher = Finisher::start(settings.finish(), shelf.clone())?;
        let mut store = Self { settings, shelf, finisher, segment: None, opened: 0, _lock: lock };
        let recovered = match &store.settings.place {
            Place::Folder(_) => recovery::of_folder(&place, &store.shelf, &store.finisher, seen),
            Place::File(_) => store.open_file(seen),
        };
        Ok((store, recovered.with_context(|| name)?))
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.shelf.bytes() + self.segment.as_ref().map_or(0, Segment::bytes)
    }

    /// Segments on disk.
    pub fn segments(&self) -> usize {
        self.shelf.count() + usize::from(self.segment.is_some())
    }

    /// Writes exchanges and waits until they are on disk. All of them are, or none.
    ///
    /// # Errors
    /// There is no room, or the disk fails.
    pub fn commit(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.rotate();
        loop {
            let written = self.make_room(bytes.len() as u64).and_then(|()| self.segment()?.commit(bytes));
            match written {
                Err(error) if is_full(&error) && self.settings.when_full == WhenFull::Oldest => {
                    if !self.shelf.delete_oldest()? {
                        // Once it is closed it can make room.
                        self.put_away();
                        return Err(error);
                    }
                }
                Err(error) if !is_full(&error) => {
                    self.abandon();
                    return Err(error);
                }
                written => return written,
            }
        }
    }

    /// When the segment becomes too old, if there is one.
    pub fn rotation(&self) -> Option<SystemTime> {
        match self.settings.place {
            Place::Folder(_) => Some(self.segment.as_ref()?.begun() + self.settings.segment_age),
            Place::File(_) => None,
        }
    }

    /// Closes a segment that is full or old.
    pub fn rotate(&mut self) {
        let is_old = self.rotation().is_some_and(|at| SystemTime::now() >= at);
        let is_folder = matches!(self.settings.place, Place::Folder(_));
        let is_full = |segment: &Segment| segment.bytes() >= self.settings.segment_bytes;
        if is_folder && self.segment.as_ref().is_some_and(|segment| is_old || is_full(segment)) {
            self.put_away();
        }
    }

    /// Closes everything, and waits until each segment has its final form.
    pub fn close(mut self) {
        self.put_away();
    }

    fn segment(&mut self) -> io::Result<&mut Segment> {
        if self.segment.is_none() {
            let Settings { place, format, .. } = &self.settings;
            let Place::Folder(folder) = place else {
                return Err(io::Error::other("the file was closed after an error of the disk"));
            };
            let now = SystemTime::now();
            let stem = shelf::stem(now, self.opened);
            self.opened += 1;
            let path = folder.join(format!("{stem}.{}{OPEN}", format.ending()));
            self.segment = Some(Segment::create(path, now)?);
        }
        self.segment.as_mut().ok_or_else(|| io::Error::other("no segment"))
    }

    fn put_away(&mut self) {
        let Some(segment) = self.segment.take() else { return };
        let (path, bytes) = (segment.path().to_owned(), segment.bytes());
        drop(segment);
        if matches!(self.settings.place, Place::File(_)) && self.settings.finish() == Finish::AsIs {
            return;
        }
        self.shelf.put(path.clone(), bytes, true);
        self.finisher.finish(path);
    }

    /// The disk failed in the middle of a segment: nobody knows its end. The next start looks at it.
    fn abandon(&mut self) {
        if let Some(segment) = self.segment.take() {
            self.shelf.put(segment.path().to_owned(), segment.bytes(), true);
        }
    }

    fn make_room(&self, bytes: u64) -> io::Result<()> {
        while self.bytes().saturating_add(bytes) > self.settings.max_bytes {
            let may_delete = self.settings.when_full == WhenFull::Oldest;
            if !may_delete || !self.shelf.delete_oldest()? {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "the bound of the disk is reached"));
            }
        }
        Ok(())
    }

    /// A file that is not compressed is continued.
    fn open_file(&mut self, seen: &mut Seen) -> Result<Recovered> {
        // The lock has made it, unless it was there.
        let open = self.settings.open_file();
        let recovered = recovery::of_file(&open, self.settings.format, seen)?;
        self.segment = Some(Segment::continued(open, SystemTime::now())?);
        Ok(recovered)
    }
}

impl Settings {
    fn finish(&self) -> Finish {
        self.zstd.map_or(Finish::AsIs, Finish::Zstd)
    }

    /// Where a file is written until it has its final form.
    fn open_file(&self) -> PathBuf {
        let path = self.place.path();
        match self.finish() {
            Finish::AsIs => path.to_owned(),
            finish => {
                let name = path.display().to_string();
                format!("{}{OPEN}", name.strip_suffix(finish.ending()).unwrap_or(&name)).into()
            }
        }
    }

    /// Two programs that write to one place would delete each other's segments.
    fn lock(&self) -> Result<File> {
        let file = match &self.place {
            Place::Folder(folder) => {
                fs::create_dir_all(folder)?;
                folder.join(".lock")
            }
            Place::File(file) if self.finish() != Finish::AsIs && file.exists() => {
                bail!("exists, and what is compressed cannot be continued: give another name, or a folder");
            }
            Place::File(_) => self.open_file(),
        };
        let lock = File::options().create(true).append(true).open(&file)?;
        ensure!(lock.try_lock().is_ok(), "another process records there");
        Ok(lock)
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The ending of an open segment tells its format.
fn format_of(open: &Path) -> Format {
    Format::of_name(&without_open(open).display().to_string()).unwrap_or_default()
}
