// SPDX-License-Identifier: Apache-2.0
//! Reads `match` and `exclude`.

use super::super::reader::Node;
use super::{fields, keys};
use crate::select::{Condition, Matcher, Pattern, Statuses, Test, Text};

/// Most conditions of a list, and most names or methods in one of them.
const MAX_CONDITIONS: usize = 64;
const MAX_NAMES: usize = 64;
const TESTS: [&str; 6] = ["exact", "prefix", "suffix", "contains", "regex", "present"];
const MATCHER: &str = "an object with one of exact, prefix, suffix, contains, regex and present";
const PSEUDO_HEADERS: [&str; 4] = [":authority", ":method", ":path", ":scheme"];

/// The conditions of `match`: with none of them no request would be eligible.
pub fn some(node: &Node, late: Option<bool>) -> Option<Vec<Condition>> {
    read(node, 1, "a list of 1 to 64 conditions", late)
}

/// The conditions of `exclude`.
pub fn any(node: &Node, late: Option<bool>) -> Option<Vec<Condition>> {
    read(node, 0, "a list of at most 64 conditions", late)
}

fn read(node: &Node, min: usize, expected: &str, late: Option<bool>) -> Option<Vec<Condition>> {
    let items = node.list(expected)?;
    if !(min..=MAX_CONDITIONS).contains(&items.len()) {
        return node.refuse(expected);
    }
    let conditions: Vec<_> = items.iter().map(|node| condition(node, late)).collect();
    conditions.into_iter().collect()
}

fn condition(node: &Node, late: Option<bool>) -> Option<Condition> {
    let object = node.object(keys::CONDITION)?;
    let methods = object.or("methods", None, |node| methods(node).map(Some));
    let path = object.or("path", None, |node| matcher(node).map(Some));
    let headers =
        object.or("headers", Vec::new(), |node| named(node, header_name, |name| name == ":authority"));
    let query = object.or("query", Vec::new(), |node| named(node, parameter_name, |_| false));
    let answer = object.or("answer", None, |node| answer(node, late).map(Some));
    Some(Condition { methods: methods?, path: path?, headers: headers?, query: query?, answer: answer? })
}

fn answer(node: &Node, late: Option<bool>) -> Option<Statuses> {
    const EXPECTED: &str = "a list of 1 to 64 statuses and classes, such as [\"2xx\", 404]";
    let object = node.object(keys::ANSWER)?;
    let statuses = object.required("status", EXPECTED, |node| {
        let items = node.list(EXPECTED)?;
        if !(1..=MAX_NAMES).contains(&items.len()) {
            return node.refuse(EXPECTED);
        }
        let mut statuses = Statuses::default();
        // Each is read, so that a fault in one does not hide those behind it.
        let read: Vec<_> = items.iter().map(|node| status(node, &mut statuses)).collect();
        read.into_iter().collect::<Option<()>>().map(|()| statuses)
    });
    if late == Some(false) {
        node.fault(
            "the key in a mirror that does not wait for the answer",
            "\"send\": \"primary_end\" in it",
        );
        return None;
    }
    statuses
}

fn status(node: &Node, statuses: &mut Statuses) -> Option<()> {
    const EXPECTED: &str =
        "a status from 100 to 599, or one of \"1xx\", \"2xx\", \"3xx\", \"4xx\" and \"5xx\"";
    const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    let class = node.as_str().and_then(|text| CLASSES.iter().position(|class| *class == text));
    let code = node.as_number().filter(|code| code.fract() == 0.0 && (100.0..600.0).contains(code));
    match (class, code) {
        (Some(class), _) => statuses.classes.push(class as u16 + 1),
        (None, Some(code)) => statuses.codes.push(code as u16),
        (None, None) => return node.refuse(EXPECTED),
    }
    Some(())
}

fn methods(node: &Node) -> Option<Vec<Vec<u8>>> {
    const EXPECTED: &str = "a list of 1 to 64 methods, such as [\"GET\", \"HEAD\"]";
    let items = node.list(EXPECTED)?;
    if !(1..=MAX_NAMES).contains(&items.len()) {
        return node.refuse(EXPECTED);
    }
    let methods: Vec<_> = items
        .iter()
        .map(|node| match node.as_str() {
            Some(text) if fields::header_name(text).is_some() => Some(text.as_bytes().to_vec()),
            _ => node.refuse("a method, such as \"GET\" (case matters)"),
        })
        .collect();
    methods.into_iter().collect()
}

fn named<N>(
    node: &Node,
    name: impl Fn(&str, &Node) -> Option<N>,
    is_host: impl Fn(&N) -> bool,
) -> Option<Vec<(N, Matcher)>> {
    const EXPECTED: &str = "an object of at most 64 names and matchers";
    let entries = node.entries(EXPECTED)?;
    if entries.len() > MAX_NAMES {
        return node.refuse(EXPECTED);
    }
    let read: Vec<_> = entries
        .iter()
        .map(|(key, node)| {
            let name = name(key, node);
            // A value in place of its matcher is not shown: it may be a credential.
            if node.as_str().is_some() {
                node.fault("text", MATCHER);
                return None;
            }
            let of_host = name.as_ref().is_some_and(&is_host);
            name.zip(matcher_of(node, of_host))
        })
        .collect();
    read.into_iter().collect()
}

fn header_name(text: &str, node: &Node) -> Option<String> {
    match fields::request_header(text) {
        Some(name) => Some(name),
        None if PSEUDO_HEADERS.contains(&text) => Some(text.into()),
        None => {
            node.fault("the name", "a header name");
            None
        }
    }
}

fn parameter_name(text: &str, node: &Node) -> Option<Vec<u8>> {
    let name = fields::parameter(text);
    if name.is_none() {
        node.fault("the name", fields::PARAMETER);
    }
    name
}

fn matcher(node: &Node) -> Option<Matcher> {
    matcher_of(node, false)
}

/// `of_host`: hosts are compared without case.
fn matcher_of(node: &Node, of_host: bool) -> Option<Matcher> {
    let object = node.object(keys::MATCHER)?;
    let ignore_case = object.get("ignore_case");
    let ignores = object.or("ignore_case", false, |node| node.bool()).map(|ignores| ignores || of_host);
    let text = |node: &Node| {
        let bytes = node.as_str().map(|text| text.as_bytes().to_vec()).or_else(|| node.refuse("text"));
        Some(Text { bytes: bytes?, ignore_case: ignores? })
    };
    let tests: Vec<_> = TESTS.iter().filter_map(|key| object.get(key).map(|node| (*key, node))).collect();
    let (key, test) = match *tests {
        [test] => test,
        // A key that is none of these was noted.
        [] if !object.is_empty() && ignore_case.is_none() => return None,
        _ => return node.refuse(MATCHER),
    };
    match key {
        "exact" => text(test).map(|text| Matcher::Value(Test::Exact(text))),
        "prefix" => text(test).map(|text| Matcher::Value(Test::Prefix(text))),
        "suffix" => text(test).map(|text| Matcher::Value(Test::Suffix(text))),
        "contains" => text(test).map(|text| Matcher::Value(Test::Contains(text))),
        "regex" => regex(test, ignores).map(|pattern| Matcher::Value(Test::Whole(pattern))),
        _ => {
            let present = test.bool();
            if let Some(node) = ignore_case {
                node.fault("the key beside present", "no ignore_case where no value is compared");
            }
            present.map(Matcher::Present)
        }
    }
}

fn regex(node: &Node, ignore_case: Option<bool>) -> Option<Pattern> {
    let expression = node.as_str().or_else(|| node.refuse("a regular expression"))?;
    match Pattern::new(expression, ignore_case?) {
        Ok(pattern) => Some(pattern),
        // The expression is not shown: it may be of a credential.
        Err(error) => {
            node.fault(
                format_args!("a text that is no regular expression ({error})"),
                "a regular expression",
            );
            None
        }
    }
}
