// SPDX-License-Identifier: Apache-2.0
//! A real registry, Debian's `docker-registry`, started for one test and gone with it.

use std::env;
use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

const PROGRAM: &str = "docker-registry";
const PATIENCE: Duration = Duration::from_secs(20);

pub const USER: &str = "mirror";
pub const PASSWORD: &str = "a password for a test";
/// bcrypt of the password; the registry takes no other kind.
const HASH: &str = "$2a$05$Wgu0QYre0YDxIeVplFOkN.0PxX8/0ep/8N701.vkvmVj1sZQoCkgu";

pub struct Registry {
    /// "127.0.0.1:PORT"
    pub address: String,
    _directory: TempDir,
    /// Killed when it is dropped.
    _child: Child,
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
        let log = File::create(directory.path().join("log"))?;
        let mut child = Command::new(find()?)
            .args(["serve", "config.yml"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("start docker-registry")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = fs::read_to_string(directory.path().join("log"))?;
            if let Some(address) = address_in(&log) {
                return Ok(Self { address, _directory: directory, _child: child });
            }
            let ended = child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("the registry does not serve ({ended:?}):\n{log}");
            }
            sleep(Duration::from_millis(20)).await;
        }
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
