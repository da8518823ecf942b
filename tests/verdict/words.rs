// SPDX-License-Identifier: Apache-2.0
//! What is said in a terminal, word for word; with `UPDATE_GOLDEN=1` a run writes it anew.

use std::fs;

use anyhow::{Result, ensure};

use crate::program::said_of;
use crate::root;

const DETAILED: &str = include_str!("recorded/detailed.json");

#[test]
fn the_words_are_those_that_were_agreed_on() -> Result<()> {
    for mirror in ["v2", "v3-canary"] {
        let (said, _) = said_of(DETAILED, mirror)?;
        let golden = root().join("tests/verdict/recorded").join(format!("{mirror}.out"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said)?;
        }
        assert_eq!(said, fs::read_to_string(&golden).unwrap_or_default(), "{}", golden.display());
    }
    Ok(())
}

#[test]
fn the_readme_shows_what_is_said() -> Result<()> {
    let (said, _) = said_of(DETAILED, "v2")?;
    let readme = fs::read_to_string(root().join("README.md"))?;
    let shown = readme.split("```text\n").find(|block| block.starts_with("REJECT")).unwrap_or_default();
    let shown = shown.split("```").next().unwrap_or_default();
    ensure!(shown.lines().count() > 5 && said.starts_with(shown), "the README shows\n{shown}\nof\n{said}");
    Ok(())
}
