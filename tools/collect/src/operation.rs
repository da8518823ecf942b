// SPDX-License-Identifier: Apache-2.0
//! What the programs have in common: the runtime, signals, exit codes.

use std::process::ExitCode;

use anyhow::Result;
use bytesize::ByteSize;
use tokio::runtime::Builder;

/// The exit code where the work could not be begun: the command line, a file, an address.
const FAILED: u8 = 1;

/// Runs to the end; an error is printed.
pub fn run(work: impl Future<Output = Result<ExitCode>>) -> ExitCode {
    let done = Builder::new_multi_thread().enable_all().build().map_err(Into::into);
    let done = done.and_then(|runtime| runtime.block_on(work));
    done.unwrap_or_else(|error: anyhow::Error| {
        eprintln!("{error:#}");
        FAILED.into()
    })
}

/// Does something at Ctrl-C and at SIGTERM. The second Ctrl-C ends the program at once.
pub fn on_signal(first: impl FnOnce() + Send + 'static) {
    tokio::spawn(async move {
        signal().await;
        first();
        signal().await;
        std::process::exit(130);
    });
}

async fn signal() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    // Without a handler the program ends as any other does.
    let _ = interrupted.await;
}

pub fn to_usize(bytes: ByteSize) -> usize {
    usize::try_from(bytes.as_u64()).unwrap_or(usize::MAX)
}
