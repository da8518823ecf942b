// SPDX-License-Identifier: Apache-2.0
//! What a start makes of files that the last process left.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::format_of;
use crate::files::finish::Finisher;
use crate::files::format::Format;
use crate::files::reader::{Input, Reader};
use crate::files::seen::Seen;
use crate::files::shelf::{self, OPEN, Shelf};
use crate::protocol::Exchange;

/// A batch is sent again within seconds. What was closed longer ago is not read for its ids.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Segments that were still open.
    pub segments: usize,
    /// Exchanges in them.
    pub exchanges: u64,
    /// Bytes at their torn ends, which were cut. Nobody was told that these were kept.
    pub cut: u64,
}

pub fn of_folder(folder: &Path, shelf: &Shelf, finisher: &Finisher, seen: &mut Seen) -> Result<Recovered> {
    for half in shelf::unfinished(folder)? {
        fs::remove_file(&half).with_context(|| half.display().to_string())?;
    }
    let mut all = Recovered::default();
    for path in shelf::all(folder)? {
        let name = path.display().to_string();
        if shelf::final_form(&path).is_some() {
            fs::remove_file(&path).with_context(|| name.clone())?;
            continue;
        }
        let data = path.metadata().with_context(|| name.clone())?;
        if !name.ends_with(OPEN) {
            let age = SystemTime::now().duration_since(data.modified()?).unwrap_or_default();
            if age < RECENT {
                note_ids(&path, seen);
            }
            shelf.put(path, data.len(), false);
            continue;
        }
        let found = of_file(&path, format_of(&path), seen).with_context(|| name.clone())?;
        if found.exchanges == 0 {
            fs::remove_file(&path).with_context(|| name.clone())?;
        } else {
            shelf.put(path.clone(), path.metadata()?.len(), true);
            finisher.finish(path);
        }
        all.segments += 1;
        all.exchanges += found.exchanges;
        all.cut += found.cut;
    }
    Ok(all)
}

/// Cuts the torn end of a file.
pub fn of_file(file: &Path, format: Format, seen: &mut Seen) -> Result<Recovered> {
    let mut reader = Reader::new(File::open(file)?, Some(format))?;
    let mut exchanges = 0;
    for exchange in reader.by_ref() {
        // The error says what the cut says.
        let Ok(exchange) = exchange else { break };
        exchanges += 1;
        note(&exchange, seen);
    }
    let (size, whole) = (file.metadata()?.len(), reader.whole_bytes());
    if whole < size {
        let file = File::options().write(true).open(file)?;
        file.set_len(whole)?;
        file.sync_all()?;
    }
    Ok(Recovered { segments: 1, exchanges, cut: size.saturating_sub(whole) })
}

fn note_ids(file: &Path, seen: &mut Seen) {
    let Ok(reader) = Reader::open(&Input::File(file.to_owned())) else { return };
    for exchange in reader.map_while(Result::ok) {
        note(&exchange, seen);
    }
}

fn note(exchange: &Exchange, seen: &mut Seen) {
    if let Some(id) = exchange.id() {
        seen.insert(id);
    }
}
