// SPDX-License-Identifier: Apache-2.0
//! What a person does with a cluster, by the same program.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::tools::{Tools, run};

#[derive(Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub fn new(tools: &Tools, kubeconfig: PathBuf) -> Self {
        Self { program: tools.path("kubectl"), kubeconfig }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        command
    }

    /// Runs a command, an error if it fails.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        run(&mut self.command(arguments))
    }

    /// Applies documents of YAML.
    pub fn apply(&self, yaml: &str) -> Result<()> {
        self.apply_with(yaml, &[])
    }

    /// Has the server, and its webhooks, look at documents without keeping them.
    pub fn dry_run(&self, yaml: &str) -> Result<()> {
        self.apply_with(yaml, &["--dry-run=server"])
    }

    fn apply_with(&self, yaml: &str, more: &[&str]) -> Result<()> {
        let mut command = self.command(&["apply", "--server-side", "--force-conflicts", "-f", "-"]);
        let mut child = command
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("run kubectl")?;
        let mut input = child.stdin.take().context("kubectl has no stdin")?;
        input.write_all(yaml.as_bytes())?;
        drop(input);
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "kubectl apply failed:\n{}\nof\n{yaml}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Merges `patch` into an object.
    pub fn patch(&self, kind: &str, name: &str, namespace: &str, patch: &Value) -> Result<()> {
        self.patch_by("--type=merge", kind, name, namespace, patch)
    }

    /// Puts a value in a place of an object, in the place of all that is there.
    pub fn put(&self, kind: &str, name: &str, namespace: &str, path: &str, value: &Value) -> Result<()> {
        let patch = json!([{"op": "add", "path": path, "value": value}]);
        self.patch_by("--type=json", kind, name, namespace, &patch)
    }

    fn patch_by(&self, by: &str, kind: &str, name: &str, namespace: &str, patch: &Value) -> Result<()> {
        self.run(&["-n", namespace, "patch", kind, name, by, "-p", &patch.to_string()]).map(drop)
    }

    pub fn delete(&self, kind: &str, name: &str, namespace: &str) -> Result<()> {
        self.run(&["-n", namespace, "delete", kind, name]).map(drop)
    }
}
