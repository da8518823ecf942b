// SPDX-License-Identifier: Apache-2.0
//! The command line, and what `record` and `collect` share of it: how exchanges are kept.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use bytesize::ByteSize;
use clap::Args;

use super::Recorder;
use crate::files::{Format, Journal, Place, Recovered, Seen, Settings, Store, WhenFull};
use crate::intake::TlsOptions;

/// How many ids are known at least, of the exchanges that came last.
const KNOWN: usize = 500_000;

/// A shadow that keeps what it gets, in files
///
/// Takes copies as any shadow cluster does, and the exchanges of mirrors with "deliver": "exchanges", over HTTP/1.1 and HTTP/2 on
/// one port. It answers when what came is on disk. Ctrl-C closes the files.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    #[command(flatten)]
    pub keeping: Keeping,

    /// Where to listen; may be repeated
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082")]
    pub listen: Vec<SocketAddr>,

    /// What copies are answered
    #[arg(long, value_name = "STATUS", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub status: u16,

    /// Bytes of a copy's body that are kept; of what is longer, the rest is counted
    #[arg(long, value_name = "BYTES", default_value = "16MiB")]
    pub max_body: ByteSize,

    /// Largest batch of exchanges that is taken
    #[arg(long, value_name = "BYTES", default_value = "64MiB")]
    pub max_batch: ByteSize,

    /// Bytes that are held in memory for what is under way; what comes beyond is told to come again
    #[arg(long, value_name = "BYTES", default_value = "256MiB")]
    pub max_memory: ByteSize,

    #[command(flatten)]
    pub tls: TlsOptions,
}

const AFTER_HELP: &str = "\
Examples:
  shadow-filter record /var/lib/shadow --zstd --max-disk 50GiB
  shadow-filter record night.ndjson --listen 0.0.0.0:8082 --tls-cert tls.crt --tls-key tls.key --tls-client-ca ca.crt

A path is a file if it ends in .ndjson or .pb, and a folder otherwise. `shadow-filter replay` sends it again.";

/// How exchanges are kept.
#[derive(Args, Clone, Debug)]
pub struct Keeping {
    /// A folder for segments, or one file that grows
    #[arg(value_name = "DIR|FILE")]
    pub place: PathBuf,

    /// How exchanges are written down
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Compress each segment when it is complete, at this level
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, require_equals = true, default_missing_value = "3",
          value_parser = clap::value_parser!(i32).range(1..=19))]
    pub zstd: Option<i32>,

    /// A segment is complete when it has this size, uncompressed
    #[arg(long, value_name = "BYTES", default_value = "64MiB")]
    pub rotate_size: ByteSize,

    /// Or this age
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub rotate_after: Duration,

    /// Most bytes on disk
    #[arg(long, value_name = "BYTES", default_value = "10GiB")]
    pub max_disk: ByteSize,

    /// What happens when they are reached, or the disk is full
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub when_full: WhenFull,
}

impl Keeping {
    /// Opens the files and puts right what a crash left in them.
    ///
    /// # Errors
    /// The place cannot be used.
    pub fn open(&self) -> Result<(Recorder, Recovered)> {
        let (settings, mut seen) = (self.settings(), Seen::new(KNOWN));
        let format = settings.format;
        let (store, recovered) = Store::open(settings, &mut seen)?;
        Ok((Recorder { journal: Journal::start(Some(store), seen)?, format }, recovered))
    }

    fn settings(&self) -> Settings {
        let place = Place::of(&self.place);
        // The name of a file says what it is, and a flag that says something else would make a file that is not.
        let name = self.place.display().to_string();
        let (format, zstd) = match place {
            Place::File(_) => (
                Format::of_name(&name).unwrap_or(self.format),
                name.ends_with(".zst").then(|| self.zstd.unwrap_or(3)),
            ),
            Place::Folder(_) => (self.format, self.zstd),
        };
        Settings {
            place,
            format,
            zstd,
            segment_bytes: self.rotate_size.as_u64().max(1),
            segment_age: self.rotate_after,
            max_bytes: self.max_disk.as_u64(),
            when_full: self.when_full,
        }
    }
}
