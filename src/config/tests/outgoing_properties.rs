// SPDX-License-Identifier: Apache-2.0
//! Edits of any headers by any configuration, against a model that goes through them one after the other.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::Config;
use crate::http::MARKER;
use crate::http::tests::head;
use crate::transform::{Outgoing, Rewritten};

fn name() -> impl Strategy<Value = String> {
    "(a|b|ab|abc|x-a|x-b)"
}

fn values() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::btree_map(name(), "[ -~]{0,4}", 0..3).prop_map(|map| map.into_iter().collect())
}

fn object(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into()
}

proptest! {
    #[test]
    fn headers_are_removed_redacted_set_and_added_and_the_rest_stays(
        headers in proptest::collection::vec((name(), "[ -~]{0,4}"), 0..10),
        remove in proptest::collection::vec(prop_oneof![name(), Just("x-*".into()), Just("a*".into()), Just("*".into())], 0..3),
        redact in proptest::collection::vec(name(), 0..3),
        set in values(),
        add in values(),
    ) {
        let edits = json!({"remove": remove, "set": object(&set), "add": object(&add)});
        let config = json!({"mirrors": [{
            "cluster": "m", "authority": "keep", "headers": edits,
            "redact": {"headers": redact, "replacement": "R"},
        }]});
        let mirror = Config::parse(config.to_string().as_bytes()).expect("valid").mirrors.remove(0).transform;
        let all: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let head = head(&all);
        let rewritten = Rewritten::of(&head, &mirror);
        let outgoing = Outgoing::build(&head, &mirror, &rewritten, 0).headers().collect::<Vec<_>>();

        let goes = |name: &str| {
            let removed = |pattern: &String| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => pattern == name,
            };
            remove.iter().any(removed) || set.iter().any(|(set, _)| set == name)
        };
        let stays = all.iter().filter(|(name, _)| !goes(name)).map(|(name, value)| {
            (*name, if redact.iter().any(|redacted| redacted == name) { "R" } else { *value })
        });
        let added = set.iter().chain(&add).map(|(name, value)| (name.as_str(), value.as_str()));
        let expected: Vec<_> = stays.chain(added).chain([(MARKER, "m")]).collect();
        let found: Vec<_> = outgoing
            .iter()
            .map(|(name, value)| (std::str::from_utf8(name).expect("text"), std::str::from_utf8(value).expect("text")))
            .collect();
        prop_assert_eq!(found, expected);
    }
}
