// SPDX-License-Identifier: Apache-2.0
//! The program as it is installed: its help, its manual pages and its completions.

#![allow(clippy::expect_used, reason = "a test's helpers fail the test")]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shadow-filter")).args(arguments).output().expect("the program runs")
}

fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_version_is_that_of_the_filter() {
    assert_eq!(printed(&["--version"]), format!("shadow-filter {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn there_are_completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(printed(&["completions", shell]).contains("verdict"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_the_program_and_for_each_subcommand() {
    assert!(printed(&["man"]).contains(".TH shadow-filter 1"));
    assert!(printed(&["man", "check"]).contains("Exit codes"));
    let unknown = run(&["man", "no-such"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no-such: no such subcommand"));

    let pages = tempfile::tempdir().expect("a folder");
    let folder = pages.path().join("man1");
    printed(&["man", "--dir", &folder.display().to_string()]);
    for page in ["shadow-filter.1", "shadow-filter-check.1", "shadow-filter-verdict.1"] {
        assert!(folder.join(page).is_file(), "{page}");
    }
}

#[test]
fn a_wrong_command_line_has_a_code_that_means_nothing_else() {
    let code = |arguments: &[&str]| run(arguments).status.code();
    assert_eq!(code(&[]), Some(2));
    assert_eq!(code(&["check"]), Some(2));
    assert_eq!(code(&["no-such"]), Some(2));
    assert_eq!(code(&["verdict", "--no-such-flag"]), Some(64));
    assert_eq!(code(&["verdict", "--help"]), Some(0));
}
