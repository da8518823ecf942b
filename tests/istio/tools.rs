// SPDX-License-Identifier: Apache-2.0
//! The programs of the control plane, built from the versions that `go.mod` names and kept outside `target/`, one
//! directory for each content of `go.mod` and `go.sum` and list of what is wanted.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

const TOOLS: [(&str, &str); 7] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("crane", "github.com/google/go-containerregistry/cmd/crane"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    ("pilot-discovery", "istio.io/istio/pilot/cmd/pilot-discovery"),
    ("pilot-agent", "istio.io/istio/pilot/cmd/pilot-agent"),
    ("istioctl", "istio.io/istio/istioctl/cmd/istioctl"),
];
/// What a machine has to have, and where it comes from.
const PROGRAMS: [(&str, &str); 2] = [("openssl", "openssl"), ("setpriv", "util-linux")];
/// Definitions of resources: a module, with a version where `go.mod` does not name it, and where it has them.
const DEFINITIONS: [(&str, &str); 3] = [
    ("istio.io/istio", "manifests/charts/base/files/crd-all.gen.yaml"),
    ("sigs.k8s.io/gateway-api", "config/crd/standard"),
    ("github.com/envoyproxy/gateway@v1.9.1", "charts/gateway-helm/charts/crds/crds/generated"),
];
const BOOTSTRAP: &str = "tools/packaging/common/envoy_bootstrap.json";

#[derive(Clone)]
pub struct Tools(PathBuf);

impl Tools {
    /// Builds what is missing, an error if a program is that cannot be built here. The first time takes minutes and gigabytes of Go's caches.
    pub fn get() -> Result<Self> {
        for (program, package) in PROGRAMS {
            let started = Command::new(program).arg("--version").output();
            started.with_context(|| format!("run {program}; it is in Debian's package {package}"))?;
        }
        let module = harness::root().join("tests/istio");
        let what = format!("{TOOLS:?} {DEFINITIONS:?} {BOOTSTRAP}").into_bytes();
        let content = [fs::read(module.join("go.mod"))?, fs::read(module.join("go.sum"))?, what].concat();
        let name = format!("istio-{:016x}", xxhash_rust::xxh64::xxh64(&content, 0));
        let directory = cache()?.join("shadow-filter").join(name);
        fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
        // Two runs at once build once.
        let lock = File::create(directory.join("lock"))?;
        lock.lock().context("wait for another build of the control plane")?;
        let tools = Self(directory);
        tools.copy_files(&module)?;
        tools.build_missing(&module)?;
        Ok(tools)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn command(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }

    /// The definitions of all resources that the manifests use.
    pub fn definitions(&self) -> PathBuf {
        self.path("definitions")
    }

    fn copy_files(&self, module: &Path) -> Result<()> {
        // The last that is copied.
        if self.path("bootstrap.json").is_file() {
            return Ok(());
        }
        eprintln!("istio: fetching the sources that tests/istio/go.mod names");
        fs::create_dir_all(self.definitions())?;
        for (source, path) in DEFINITIONS {
            let path = sources(module, source)?.join(path);
            match path.is_dir() {
                true => fs::read_dir(&path)?.try_for_each(|file| self.copy_definition(&file?.path()))?,
                false => self.copy_definition(&path)?,
            }
        }
        let bootstrap = sources(module, "istio.io/istio")?.join(BOOTSTRAP);
        fs::write(self.path("bootstrap.json"), fs::read(bootstrap)?)?;
        Ok(())
    }

    fn copy_definition(&self, file: &Path) -> Result<()> {
        let name = file.file_name().context("a file without a name")?;
        fs::write(self.definitions().join(name), fs::read(file)?)?;
        Ok(())
    }

    fn build_missing(&self, module: &Path) -> Result<()> {
        let missing: Vec<_> = TOOLS.iter().filter(|(name, _)| !self.path(name).is_file()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let version = run(go(module).args(["list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes"]))?;
        let flags = linker_flags(version.trim())?;
        eprintln!("istio: building the control plane into {}, once; some seven minutes", self.0.display());
        let started = Instant::now();
        for (index, (name, package)) in missing.iter().enumerate() {
            eprintln!(
                "istio: {name} ({} of {}), {} s",
                index + 1,
                missing.len(),
                started.elapsed().as_secs()
            );
            let part = self.path(&format!("{name}.part"));
            let mut build = go(module);
            build.env("CGO_ENABLED", "0").args(["build", "-trimpath", "-ldflags", &flags, "-o"]);
            run(build.arg(&part).arg(package))?;
            fs::rename(&part, self.path(name))?;
        }
        Ok(())
    }
}

/// Where Go keeps the sources of a module.
fn sources(module: &Path, source: &str) -> Result<PathBuf> {
    let told = run(go(module).args(["mod", "download", "-json", source]))?;
    let told: serde_json::Value = serde_json::from_str(&told)?;
    let directory =
        told["Dir"].as_str().with_context(|| format!("go does not say where {source} is: {told}"))?;
    Ok(directory.into())
}

/// The API server tells its version to clients that ask what it can do.
fn linker_flags(version: &str) -> Result<String> {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        bail!("{version} is no version of Kubernetes");
    };
    const AT: &str = "k8s.io/component-base/version";
    Ok(format!("-s -w -X {AT}.gitVersion={version} -X {AT}.gitMajor={major} -X {AT}.gitMinor={minor}"))
}

fn go(module: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(module);
    go
}

/// Runs a command to its end, and gives what it wrote.
pub fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("run {program}; is it installed?"))?;
    ensure!(
        output.status.success(),
        "{program} {:?} ended with {}:\n{}{}",
        command.get_args().collect::<Vec<_>>(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn cache() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| Some(set("HOME")?.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set: where should the control plane be kept?")
}
