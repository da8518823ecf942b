// SPDX-License-Identifier: Apache-2.0
//! Which requests a mirror may have, by what is in their head.

use crate::head::Head;
use crate::matcher::Matcher;
use crate::query;

/// A mirror's `match` and `exclude`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    /// One of these must hold. `None`: nothing is asked.
    pub any_of: Option<Vec<Condition>>,
    /// None of these may hold.
    pub none_of: Vec<Condition>,
}

/// Holds if everything in it holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    pub methods: Option<Vec<Vec<u8>>>,
    /// Of the path without its query.
    pub path: Option<Matcher>,
    /// Names in lower case, pseudo-headers included. Each line of a header is a value.
    pub headers: Vec<(String, Matcher)>,
    /// Names and values after percent-decoding.
    pub query: Vec<(Vec<u8>, Matcher)>,
}

impl Conditions {
    /// Whether a request is eligible.
    pub fn admit(&self, head: &Head) -> bool {
        let any = |conditions: &[Condition]| conditions.iter().any(|condition| condition.holds(head));
        self.any_of.as_deref().is_none_or(any) && !any(&self.none_of)
    }
}

impl Condition {
    fn holds(&self, head: &Head) -> bool {
        let path = head.get(":path").unwrap_or_default();
        let method = head.get(":method").unwrap_or_default();
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|one| one == method))
            && self.path.as_ref().is_none_or(|matcher| matcher.holds(std::iter::once(query::split(path).0)))
            && self.headers.iter().all(|(name, matcher)| matcher.holds(head.values(name)))
            && self.query.iter().all(|(name, matcher)| matcher.holds(query::values(path, name)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use crate::config::Config;
    use crate::head::tests::head;

    fn admits(keys: Value, headers: &[(&str, &str)]) -> bool {
        let mut mirror = keys;
        mirror["cluster"] = "c".into();
        let config = Config::parse(json!({"mirrors": [mirror]}).to_string().as_bytes());
        config.expect("valid").mirrors.remove(0).conditions.admit(&head(headers))
    }

    const REQUEST: [(&str, &str); 6] = [
        (":method", "GET"),
        (":authority", "shop.test"),
        (":path", "/api/items?user=J%C3%B6rg&page=2"),
        ("accept", "text/html"),
        ("accept", "application/json"),
        ("x-empty", ""),
    ];

    #[test]
    fn a_condition_holds_if_everything_in_it_holds() {
        for (condition, holds) in [
            (json!({}), true),
            (json!({"methods": ["POST", "GET"]}), true),
            (json!({"methods": ["get"]}), false),
            (json!({"path": {"exact": "/api/items"}}), true),
            (json!({"path": {"exact": "/api/items?user=J%C3%B6rg&page=2"}}), false),
            (json!({"path": {"regex": "/api/[a-z]+"}}), true),
            (json!({"path": {"regex": "/api"}}), false),
            (json!({"headers": {"Accept": {"exact": "application/json"}}}), true),
            (json!({"headers": {"accept": {"exact": "text/html, application/json"}}}), false),
            (json!({"headers": {"x-empty": {"present": true}}}), true),
            (json!({"headers": {"x-none": {"present": false}}}), true),
            (json!({"headers": {"x-none": {"exact": ""}}}), false),
            (json!({"headers": {":authority": {"suffix": ".TEST", "ignore_case": true}}}), true),
            (json!({"headers": {"Host": {"exact": "shop.test"}}}), true),
            (json!({"query": {"user": {"exact": "Jörg"}}}), true),
            (json!({"query": {"page": {"exact": "2"}, "user": {"present": false}}}), false),
            (
                json!({"methods": ["GET"], "path": {"prefix": "/api"}, "query": {"page": {"regex": "[0-9]"}}}),
                true,
            ),
            (json!({"methods": ["POST"], "path": {"prefix": "/api"}}), false),
        ] {
            assert_eq!(admits(json!({"match": [condition]}), &REQUEST), holds, "{condition}");
            assert_eq!(admits(json!({"exclude": [condition]}), &REQUEST), !holds, "{condition}");
        }
    }

    #[test]
    fn one_match_is_needed_and_no_exclusion() {
        let get = json!({"methods": ["GET"]});
        let post = json!({"methods": ["POST"]});
        for (keys, admitted) in [
            (json!({"match": [post, get]}), true),
            (json!({"match": [post]}), false),
            (json!({"match": [get], "exclude": [post]}), true),
            (json!({"match": [get], "exclude": [post, get]}), false),
            (json!({"exclude": []}), true),
        ] {
            assert_eq!(admits(keys.clone(), &REQUEST), admitted, "{keys}");
        }
    }

    #[test]
    fn a_head_with_nothing_in_it_is_judged_as_well() {
        assert!(admits(json!({"match": [{}]}), &[]));
        assert!(!admits(json!({"match": [{"methods": ["GET"]}]}), &[]));
        assert!(!admits(json!({"match": [{"query": {"a": {"present": true}}}]}), &[]));
    }
}
