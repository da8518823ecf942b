// SPDX-License-Identifier: Apache-2.0
//! Reads `headers`.

use std::collections::BTreeMap;

use super::super::reader::Node;
use super::super::{fields, keys};
use crate::http::reserved::is_reserved;
use crate::transform::{HeaderEdits, NamePattern};

const HEADER_NAME: &str = "a header name";
/// Most entries of each of the three lists of header edits, and of `set` and `add` together: a copy has 1,024 headers at most.
const MAX_EDITS: usize = 1000;

pub fn read(node: &Node) -> Option<HeaderEdits> {
    let object = node.object(keys::HEADERS)?;
    let remove = object.or("remove", Vec::new(), |node| {
        const EXPECTED: &str = "a list of at most 1000 header names";
        let items = node.list(EXPECTED)?;
        if items.len() > MAX_EDITS {
            return node.refuse(EXPECTED);
        }
        // Collected first, so that a fault in one does not hide those behind it.
        let patterns: Vec<_> = items.iter().map(read_pattern).collect();
        patterns.into_iter().collect()
    });
    let set = object.or("set", Vec::new(), read_values);
    let add = object.or("add", Vec::new(), read_values);
    let edits = HeaderEdits { remove: remove?, set: set?, add: add? };
    let added = edits.most_added();
    if added > MAX_EDITS {
        node.fault(format_args!("{added} headers to set and add"), format_args!("at most {MAX_EDITS}"));
        return None;
    }
    Some(edits)
}

fn read_pattern(node: &Node) -> Option<NamePattern> {
    const EXPECTED: &str = "a header name, the start of one with a * behind it, or \"$credentials\"";
    let pattern = node.as_str().and_then(|text| match text.strip_suffix('*') {
        None if text == "$credentials" => Some(NamePattern::Credentials),
        // A preset that there is not would remove nothing.
        _ if text.starts_with('$') => None,
        Some("") => Some(NamePattern::Prefix(Vec::new())),
        Some(prefix) => fields::header_name(prefix).map(|name| NamePattern::Prefix(name.into())),
        None => fields::header_name(text).map(|name| NamePattern::Name(name.into())),
    });
    pattern.or_else(|| node.refuse(EXPECTED))
}

fn read_values(node: &Node) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    const EXPECTED: &str = "an object of at most 1000 header names and values";
    let entries = node.entries(EXPECTED)?;
    if entries.len() > MAX_EDITS {
        return node.refuse(EXPECTED);
    }
    let mut values: Vec<Option<(Vec<u8>, Vec<u8>)>> = Vec::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (key, node) in &entries {
        let name = match fields::header_name(key) {
            Some(name) if is_reserved(name.as_bytes()) => {
                node.fault("a header that the filter or Envoy sets", "another header");
                None
            }
            Some(name) => Some(name.into_bytes()),
            None if key.starts_with(':') => {
                node.fault("a pseudo-header", "another header");
                None
            }
            None => {
                node.fault("the name", HEADER_NAME);
                None
            }
        };
        // The same key twice was noted.
        if seen.insert(key.to_ascii_lowercase(), key).is_some_and(|earlier| earlier != *key) {
            node.fault("the header a second time (case does not matter)", "each header once");
        }
        // The value is not shown: it may be a credential.
        let value = match node.as_str() {
            Some(value) if fields::is_header_value(value) => Some(value.as_bytes().to_vec()),
            Some(_) => {
                node.fault("a control character", "text without control characters");
                None
            }
            None => node.refuse("text"),
        };
        values.push(name.zip(value));
    }
    values.into_iter().collect()
}
