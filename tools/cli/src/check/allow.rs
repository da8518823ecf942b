// SPDX-License-Identifier: Apache-2.0
//! Findings that are known and accepted: comments in the file that they are about.
//!
//! `# shadow-filter: allow no-end, rate` holds for the whole file.

use std::collections::BTreeSet;

use super::finding::{Finding, Name};
use super::similar;

const MARK: &str = "shadow-filter:";

/// What the comments of a text allow, and findings about names in them that are none.
pub fn read(text: &str) -> (BTreeSet<Name>, Vec<Finding>) {
    let (mut allowed, mut findings) = (BTreeSet::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        for word in words(line).into_iter().flatten() {
            match Name::of(word) {
                Some(name) => _ = allowed.insert(name),
                None => findings.push(unknown(word, index + 1)),
            }
        }
    }
    (allowed, findings)
}

/// The names in a comment on this line, if it is one of ours.
fn words(line: &str) -> Option<impl Iterator<Item = &str>> {
    let (before, comment) = line.split_once('#')?;
    if !(before.is_empty() || before.ends_with(char::is_whitespace)) {
        return None;
    }
    let names =
        comment.trim_start_matches('#').trim().strip_prefix(MARK)?.trim_start().strip_prefix("allow")?;
    let is_word = names.starts_with(|c: char| c.is_whitespace() || c == ':');
    is_word.then(|| {
        names.split(|c: char| c.is_whitespace() || c == ',' || c == ':').filter(|word| !word.is_empty())
    })
}

fn unknown(word: &str, line: usize) -> Finding {
    let names = Name::ALL.map(|(_, name)| name);
    let says = match similar::to(word, names) {
        Some(name) => format!("allow {word}: there is no such finding; did you mean {name}?"),
        None => format!("allow {word}: there is no such finding; a warning ends with its name"),
    };
    Finding { name: Name::Allow, line: Some(line), says }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_names_what_it_allows() {
        let text = "a: 1 # shadow-filter: allow no-end\n#shadow-filter:allow rate,writes  bodies\n# shadow-filter: allow: tags\n\
                    b: x# shadow-filter: allow send\nc: shadow-filter: allow loop\n# shadow-filter: allowed hash\n";
        let (allowed, findings) = read(text);
        let names = [Name::Writes, Name::Bodies, Name::Rate, Name::NoEnd, Name::Tags];
        assert_eq!(allowed, names.into());
        assert_eq!(findings, []);
    }

    #[test]
    fn a_name_that_is_none_is_told() {
        let (allowed, findings) = read("\n# shadow-filter: allow no_end, xyz, rate\n");
        assert_eq!(allowed, [Name::Rate].into());
        let said: Vec<_> = findings.iter().map(|finding| (finding.line, finding.says.as_str())).collect();
        let expected = [
            (Some(2), "allow no_end: there is no such finding; did you mean no-end?"),
            (Some(2), "allow xyz: there is no such finding; a warning ends with its name"),
        ];
        assert_eq!(said, expected);
    }
}
