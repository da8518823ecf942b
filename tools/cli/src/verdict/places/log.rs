// SPDX-License-Identifier: Apache-2.0
//! Reading logs: files, directories of rotated ones, the standard input, compressed or not.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;

/// How a gzip file begins, whatever it is called.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// A longer line is none of the module's.
const LONGEST: u64 = 1 << 20;

/// Hands over each line.
pub(super) fn read(log: &Path, take: &mut impl FnMut(&str)) -> Result<()> {
    if log == Path::new("-") {
        return unpacked(io::stdin().lock(), take);
    }
    if log.is_dir() {
        let files: BTreeSet<PathBuf> =
            fs::read_dir(log)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        for file in files.iter().filter(|file| file.is_file()) {
            read(file, take).with_context(|| file.display().to_string())?;
        }
        return Ok(());
    }
    unpacked(BufReader::new(File::open(log)?), take)
}

fn unpacked(mut log: impl BufRead, take: &mut impl FnMut(&str)) -> Result<()> {
    let packed = log.fill_buf()?.starts_with(&GZIP);
    if packed { lines(BufReader::new(MultiGzDecoder::new(log)), take) } else { lines(log, take) }
}

fn lines(mut log: impl BufRead, take: &mut impl FnMut(&str)) -> Result<()> {
    let mut bytes = Vec::new();
    while log.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)? > 0 {
        take(&String::from_utf8_lossy(&bytes));
        bytes.clear();
    }
    Ok(())
}
