// SPDX-License-Identifier: Apache-2.0
//! How far a part is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(10);
const TEMPLATE: &str = "{prefix} {bar:30} {pos}/{len} {msg} ({elapsed}, {eta} to go)";

pub struct Progress {
    title: String,
    bar: ProgressBar,
    /// When the last line was written, where there is no terminal.
    plain: Option<Mutex<Instant>>,
}

impl Progress {
    pub fn new(title: &str, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_prefix(title.to_owned());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        let plain = (!std::io::stderr().is_terminal()).then(|| Mutex::new(Instant::now()));
        Self { title: title.to_owned(), bar, plain }
    }

    pub fn inc(&self, message: &str) {
        self.bar.set_message(message.to_owned());
        self.bar.inc(1);
        let Some(last) = &self.plain else { return };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= PAUSE {
            *last = Instant::now();
            let (position, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            eprintln!("{}: {position} of {total} {message}, {:.0?}", self.title, self.bar.elapsed());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
