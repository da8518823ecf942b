// SPDX-License-Identifier: Apache-2.0
//! A real registry, Debian's `docker-registry`, started for one test and gone with it.

use std::env;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use harness::process::Process;
use tempfile::TempDir;

const PROGRAM: &str = "docker-registry";
const PATIENCE: Duration = Duration::from_secs(20);

pub const USER: &str = "mirror";
pub const PASSWORD: &str = "a password for a test";
/// bcrypt of the password; the registry takes no other kind.
const HASH: &str = "$2a$05$Wgu0QYre0YDxIeVplFOkN.0PxX8/0ep/8N701.vkvmVj1sZQoCkgu";

pub struct Registry {
    /// "127.0.0.1:PORT"
    pub address: String,
    _process: Process,
    _directory: TempDir,
}

impl Registry {
    /// Starts one that anybody may write to, or only the user.
    pub async fn start(only_the_user: bool) -> Result<Self> {
        let directory = TempDir::new()?;
        let path = directory.path().display();
        fs::write(directory.path().join("users"), format!("{USER}:{HASH}\n"))?;
        let auth = format!("auth: {{htpasswd: {{realm: test, path: {path}/users}}}}\n");
        let configuration = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {path}/data}}}}\n\
             http: {{addr: '127.0.0.1:0', secret: test}}\n{}",
            if only_the_user { &auth } else { "" }
        );
        fs::write(directory.path().join("config.yml"), configuration)?;
        let mut command = Command::new(find()?);
        command.args(["serve", "config.yml"]).current_dir(directory.path());
        let mut process = Process::spawn(command)?;
        let address = process.await_in_log(PATIENCE, address_in).await?;
        Ok(Self { address, _process: process, _directory: directory })
    }
}

fn address_in(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("listening on ")?;
    let end =
        rest.find(|character: char| character != '.' && character != ':' && !character.is_ascii_digit())?;
    rest.get(..end).map(str::to_owned)
}

fn find() -> Result<std::path::PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|directory| directory.join(PROGRAM))
        .find(|file| file.is_file())
        .context("no docker-registry on PATH. Get it by `apt-get install docker-registry`")
}
