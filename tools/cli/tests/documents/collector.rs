// SPDX-License-Identifier: Apache-2.0
//! docs/collector.md has every flag of the program that it explains, and none that there is not.

use std::collections::BTreeSet;
use std::process::Command;

fn flags(subcommand: &str) -> BTreeSet<String> {
    let program = env!("CARGO_BIN_EXE_shadow-filter");
    let help = Command::new(program).args([subcommand, "--help"]).output().expect("the program runs");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let names = lines.filter_map(|line| line.split([' ', ',', '=', '[']).find(|word| word.starts_with("--")));
    names.map(str::to_owned).collect()
}

#[test]
fn the_page_on_the_collector_has_every_flag_and_no_other() {
    let page = include_str!("../../../../docs/collector.md");
    let quoted = page.split('`').skip(1).step_by(2).filter(|code| code.starts_with("--"));
    let named: BTreeSet<String> =
        quoted.filter_map(|code| code.split([' ', '=']).next()).map(str::to_owned).collect();
    let all = flags("record");
    let unknown: Vec<_> = named.difference(&all).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let unexplained: Vec<_> = all.difference(&named).filter(|flag| *flag != "--help").collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}
