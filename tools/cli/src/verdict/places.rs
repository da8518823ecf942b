// SPDX-License-Identifier: Apache-2.0
//! Where the answers differ: the lines "shadow difference" of Envoy's log, by endpoint and field.
//!
//! The module logs as many lines as `log_per_minute` allows. The counts are of lines, and say which place is frequent; how many
//! answers differ is what the metrics say.

mod endpoint;
mod line;
mod proposal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use self::line::Line;
pub use self::line::printable;
pub use self::proposal::ignore;
use super::failure::{Failure, Kind};

/// Requests that are kept of each place.
const SAMPLES: usize = 2;
/// Places that are kept, whatever the log has.
const MOST: usize = 10_000;

/// A field of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub mirror: String,
    /// Method, and path with ids taken out.
    pub endpoint: String,
    /// `status`, `header:…` or a pointer with `*` for each index of a list.
    pub field: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Seen {
    /// Lines that name the place.
    pub lines: u64,
    /// Lines of the endpoint.
    pub of: u64,
    pub samples: Vec<Sample>,
}

/// One request, with the values where the log has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    pub request_id: Option<String>,
    pub path: String,
    pub primary: Option<Value>,
    pub shadow: Option<Value>,
}

/// All places, the most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Places {
    pub lines: u64,
    pub places: Vec<(Place, Seen)>,
}

impl Places {
    /// Reads logs; `-` is the standard input, a directory all files in it.
    pub fn read(logs: &[PathBuf]) -> Result<Self, Failure> {
        let mut found = Counting::default();
        for log in logs {
            read(log, &mut found)
                .with_context(|| format!("--log {}", log.display()))
                .map_err(|error| Kind::File.of(error))?;
        }
        Ok(found.sorted())
    }
}

fn read(log: &Path, found: &mut Counting) -> Result<()> {
    if log == Path::new("-") {
        return found.take(io::stdin().lock());
    }
    if log.is_dir() {
        let files: BTreeSet<PathBuf> =
            fs::read_dir(log)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        return files.iter().filter(|file| file.is_file()).try_for_each(|file| read(file, found));
    }
    found.take(BufReader::new(File::open(log)?))
}

#[derive(Default)]
struct Counting {
    lines: u64,
    by_endpoint: BTreeMap<(String, String), u64>,
    places: BTreeMap<Place, Seen>,
}

impl Counting {
    fn take(&mut self, mut log: impl BufRead) -> Result<()> {
        let mut bytes = Vec::new();
        while log.read_until(b'\n', &mut bytes)? > 0 {
            if let Some(line) = Line::of(&String::from_utf8_lossy(&bytes)) {
                self.count(line);
            }
            bytes.clear();
        }
        Ok(())
    }

    fn count(&mut self, line: Line) {
        self.lines += 1;
        let endpoint = format!("{} {}", line.method, endpoint::of(&line.path));
        let of = (line.mirror.clone(), endpoint.clone());
        *self.by_endpoint.entry(of).or_default() += 1;
        let mut counted = BTreeSet::new();
        for difference in line.differences {
            let field = endpoint::field(&difference.at);
            if !counted.insert(field.clone()) {
                continue;
            }
            let place = Place { mirror: line.mirror.clone(), endpoint: endpoint.clone(), field };
            if self.places.len() >= MOST && !self.places.contains_key(&place) {
                continue;
            }
            let seen = self.places.entry(place).or_default();
            seen.lines += 1;
            if seen.samples.len() < SAMPLES {
                seen.samples.push(Sample {
                    request_id: line.request_id.clone(),
                    path: line.path.clone(),
                    primary: difference.primary,
                    shadow: difference.shadow,
                });
            }
        }
    }

    fn sorted(self) -> Places {
        let Self { lines, by_endpoint, places } = self;
        let mut places: Vec<(Place, Seen)> = places
            .into_iter()
            .map(|(place, seen)| {
                let of = (place.mirror.clone(), place.endpoint.clone());
                let of = by_endpoint.get(&of).copied().unwrap_or(0);
                (place, Seen { of, ..seen })
            })
            .collect();
        places.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.lines));
        Places { lines, places }
    }
}
