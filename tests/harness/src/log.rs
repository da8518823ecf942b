// SPDX-License-Identifier: Apache-2.0

//! What a process wrote to stdout and stderr, bounded. Draining it is also what keeps the process from blocking.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

const LINES: usize = 50_000;
/// Lines to show when something went wrong.
const TAIL: usize = 40;
/// Of a line, there: Envoy lists all its extensions in a few very long ones.
const WIDTH: usize = 300;

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    /// Reads `from` to its end on a thread of its own; the oldest lines beyond the bound are forgotten.
    pub(crate) fn drain(&self, from: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let log = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(from);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                log.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        })
    }

    pub fn text(&self) -> String {
        self.with(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
    }

    pub fn tail(&self) -> String {
        self.with(|lines| {
            let skipped = lines.len().saturating_sub(TAIL);
            let short = |line: &String| line.chars().take(WIDTH).collect::<String>();
            lines.iter().skip(skipped).map(|line| format!("  {}\n", short(line))).collect()
        })
    }

    pub fn count(&self, substring: &str) -> usize {
        self.with(|lines| lines.iter().filter(|line| line.contains(substring)).count())
    }

    pub(crate) fn lines_with(&self, substrings: &[&str]) -> Vec<String> {
        self.with(|lines| {
            let hit = |line: &&String| substrings.iter().any(|substring| line.contains(substring));
            lines.iter().filter(hit).cloned().collect()
        })
    }

    fn push(&self, line: String) {
        self.with(|lines| {
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(line);
        });
    }

    fn with<T>(&self, use_lines: impl FnOnce(&mut VecDeque<String>) -> T) -> T {
        use_lines(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
