// SPDX-License-Identifier: Apache-2.0
//! Waiting for the end of a window, with a bar for the user.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::super::reading::Reading;

const LOOK: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(100);

/// Waits, and shows what `read` sees in between.
pub(super) fn wait(window: Duration, read: impl Fn() -> Option<BTreeMap<String, Reading>>) {
    let start = Instant::now();
    if !std::io::stderr().is_terminal() {
        eprintln!("reading again in {} …", words(window));
        thread::sleep(window);
        return;
    }
    let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    let bar = ProgressBar::new(millis);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {elapsed} of {prefix}  {msg}") {
        bar.set_style(style.progress_chars("█▌░"));
    }
    bar.set_prefix(words(window));
    let mut looked = start;
    let mut first = None;
    loop {
        let passed = start.elapsed();
        if passed >= window {
            break;
        }
        bar.set_position(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        if looked.elapsed() >= LOOK || first.is_none() {
            looked = Instant::now();
            if let Some(sent) = read().map(|readings| readings.values().map(Reading::sent).sum::<u64>()) {
                let before = *first.get_or_insert(sent);
                bar.set_message(format!("{} copies so far", sent.saturating_sub(before)));
            }
        }
        thread::sleep(TICK.min(window.saturating_sub(passed)));
    }
    bar.finish_and_clear();
}

/// "5 minutes".
pub(super) fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
