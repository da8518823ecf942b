// SPDX-License-Identifier: Apache-2.0
//! The right answers.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// REJECT, by each of these criteria.
    Reject(&'static [&'static str]),
    /// REJECT for what is the matter now, with this word.
    RejectNow(&'static str),
    /// SET-UP ERROR, with these words.
    SetUp(&'static str),
    /// REJECT, and one of these criteria failed at least: which of them do depends on how busy the machine is.
    RejectByOne(&'static [&'static str]),
    /// HOLD or REJECT, and each of these criteria is not ok.
    NotPromoted(&'static [&'static str]),
    /// PROMOTE, or HOLD for a reason that is right: nothing failed, and where `settles` more samples settle all that is unsure.
    HoldAtWorst { settles: bool },
}

impl Expected {
    pub fn check(self, said: &Value) -> Result<()> {
        let verdict = said["verdict"].as_str().context("a verdict")?;
        let mirror = &said["mirrors"][0];
        let findings: Vec<&Value> = mirror["findings"].as_array().context("findings")?.iter().collect();
        let of = |criterion: &str| {
            findings
                .iter()
                .find(|finding| finding["criterion"] == criterion)
                .map(|finding| &finding["verdict"])
        };
        let summary = mirror["summary"].as_str().unwrap_or_default();
        match self {
            Self::RejectByOne(criteria) => {
                ensure!(verdict == "REJECT", "{verdict}, expected REJECT");
                let failed = criteria.iter().any(|criterion| of(criterion).is_some_and(|it| it == "REJECT"));
                ensure!(failed, "none of {criteria:?} failed");
            }
            Self::Reject(criteria) => {
                ensure!(verdict == "REJECT", "{verdict}, expected REJECT");
                for criterion in criteria {
                    ensure!(of(criterion).is_some_and(|it| it == "REJECT"), "{criterion} did not fail");
                }
            }
            Self::RejectNow(word) => {
                ensure!(verdict == "REJECT", "{verdict}, expected REJECT");
                ensure!(summary.contains(word), "no {word:?} in {summary:?}");
            }
            Self::SetUp(words) => {
                ensure!(said["exit_code"] == 3, "{verdict}, expected an error of the set-up");
                ensure!(summary.contains(words), "no {words:?} in {summary:?}");
            }
            Self::NotPromoted(criteria) => {
                ensure!(verdict == "HOLD" || verdict == "REJECT", "{verdict}, expected HOLD or REJECT");
                for criterion in criteria {
                    ensure!(of(criterion).is_some_and(|it| it != "PROMOTE"), "{criterion} is ok");
                }
            }
            Self::HoldAtWorst { settles } => {
                ensure!(verdict == "PROMOTE" || verdict == "HOLD", "{verdict}, expected PROMOTE or HOLD");
                for finding in findings.iter().filter(|finding| finding["verdict"] == "HOLD") {
                    let more = finding["more_samples"].as_u64();
                    ensure!(!settles || more.is_some(), "waits for nothing: {}", finding["sentence"]);
                }
            }
        }
        Ok(())
    }
}
