// SPDX-License-Identifier: Apache-2.0
//! What a copy must not contain: values of headers and query parameters, and parts of a JSON body. And what its JSON body gets in their
//! place, or beside it.
//!
//! Each is replaced in place, and every other byte stays. A body of which it cannot be known that nothing is left is
//! not sent at all.

mod body;
mod edit_text;
mod places;
mod replacement;
mod setter;
mod settings;
mod spans;

use std::borrow::Cow;

pub use self::body::BodyRedaction;
pub use self::replacement::Replacement;
pub use self::settings::{JsonSettings, SettingConflict};
use crate::http::query::{self, Parameter};
use crate::http::{Head, tokens};
use crate::json::Pointers;

/// A path that grows beyond this is not completed: no call can carry it, so that the copy is not made
/// ([`super::fits`]). A request of nothing but `&a=` would otherwise grow by hundreds of its size.
const MAX_PATH: usize = 1 << 20;

/// Headers with a sum over the body, by which a short value that was replaced can be found out.
const DIGESTS: [&[u8]; 4] = [b"content-digest", b"repr-digest", b"digest", b"content-md5"];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redaction {
    /// In lower case.
    pub headers: Vec<String>,
    /// Not percent-encoded.
    pub query: Vec<Vec<u8>>,
    pub json: Pointers,
    /// What JSON bodies get in one pass with that.
    pub set: JsonSettings,
    pub replacement: Replacement,
}

/// Why there is no redacted body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedactError {
    /// It is not known to be JSON from its headers, or it is not.
    Unredactable,
    /// It would be longer than the limit.
    TooLong,
    /// The VM has no memory for it.
    OutOfMemory,
}

impl Redaction {
    /// What a header's value is replaced by, if it is.
    pub fn header(&self, name: &[u8]) -> Option<&[u8]> {
        let redacted = self.headers.iter().any(|header| header.as_bytes() == name);
        redacted.then_some(&self.replacement.plain)
    }

    /// Whether a header tells of the body as it was before.
    pub fn drops(&self, name: &[u8]) -> bool {
        self.changes_bodies() && DIGESTS.contains(&name)
    }

    /// The path with the values in its query replaced; cut where no copy can have it.
    pub fn path<'a>(&self, path: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let (start, Some(query)) = query::split(&path) else { return path };
        if self.query.is_empty() || !query::parameters(query).any(|parameter| self.hides(parameter)) {
            return path;
        }
        let mut redacted = start.to_vec();
        for (index, parameter) in query::parameters(query).enumerate() {
            if redacted.len() > MAX_PATH {
                break;
            }
            redacted.push(if index == 0 { b'?' } else { b'&' });
            redacted.extend_from_slice(parameter.name);
            if let Some(value) = parameter.value {
                redacted.push(b'=');
                redacted.extend_from_slice(if self.hides(parameter) {
                    &self.replacement.query
                } else {
                    value
                });
            }
        }
        redacted.into()
    }

    /// Whether a parameter's value is redacted. A `+` in a name is a space to some servers: then it is, too.
    fn hides(&self, parameter: Parameter) -> bool {
        let is = |name: &[u8]| {
            let name = query::decoded(name);
            self.query.iter().any(|hidden| **hidden == *name)
        };
        let spaced = || parameter.name.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte });
        parameter.value.is_some()
            && (is(parameter.name) || parameter.name.contains(&b'+') && is(&spaced().collect::<Vec<_>>()))
    }

    /// The body with the values under the pointers replaced; `None` if it may stay as it is. Takes as long as that takes,
    /// where [`Self::begin`] does it in steps.
    ///
    /// # Errors
    /// If it cannot be redacted, or would have more than `max_len` bytes then.
    pub fn body(&self, head: &Head, body: &[u8], max_len: usize) -> Result<Option<Vec<u8>>, RedactError> {
        let Some(redaction) = self.begin(head, body, max_len)? else { return Ok(None) };
        redaction.finish(self, body)
    }

    /// Begins to replace the values under the pointers; `None` if the body may stay as it is.
    ///
    /// # Errors
    /// If the headers do not say that it is JSON.
    pub fn begin(
        &self,
        head: &Head,
        body: &[u8],
        max_len: usize,
    ) -> Result<Option<BodyRedaction>, RedactError> {
        if !self.changes_bodies() || body.is_empty() {
            return Ok(None);
        }
        if !is_plain_json(head) {
            return Err(RedactError::Unredactable);
        }
        Ok(Some(BodyRedaction::new(self, max_len)))
    }

    /// Whether a JSON body is another one in the copy.
    pub fn changes_bodies(&self) -> bool {
        !self.json.is_empty() || !self.set.is_empty()
    }

    /// Upper bound of the bytes by which headers and path grow.
    pub fn most_growth(&self, head: &Head) -> usize {
        let headers = if self.headers.is_empty() { 0 } else { head.count() };
        // A parameter with a value has two characters at least, with what separates it from the next.
        let parameters =
            if self.query.is_empty() { 0 } else { head.get(":path").map_or(0, <[u8]>::len) / 2 + 1 };
        let headers = headers.saturating_mul(self.replacement.plain.len());
        headers.saturating_add(parameters.saturating_mul(self.replacement.query.len()))
    }
}

/// Whether the body is JSON in UTF-8, by what the headers say of it.
fn is_plain_json(head: &Head) -> bool {
    let mut types = head.values("content-type").peekable();
    let encodings = head.values("content-encoding").flat_map(tokens);
    types.peek().is_some()
        && types.all(is_json)
        && encodings.into_iter().all(|encoding| encoding.eq_ignore_ascii_case(b"identity"))
}

/// `application/json` or any `…+json`, in UTF-8.
fn is_json(content_type: &[u8]) -> bool {
    let mut parts =
        content_type.split(|byte| *byte == b';').map(|part| part.trim_ascii().to_ascii_lowercase());
    let media_type = parts.next().unwrap_or_default();
    let in_utf8 = |parameter: Vec<u8>| match parameter.strip_prefix(b"charset") {
        Some(rest) => {
            let charset = rest.trim_ascii().strip_prefix(b"=").unwrap_or(rest).trim_ascii();
            matches!(charset, b"utf-8" | b"\"utf-8\"" | b"utf8" | b"us-ascii")
        }
        None => true,
    };
    (media_type == b"application/json" || media_type.ends_with(b"+json")) && parts.all(in_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::head;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn redaction(query: &[&str], replacement: &str) -> Redaction {
        let query = query.iter().map(|name| name.as_bytes().to_vec()).collect();
        Redaction { query, replacement: Replacement::new(replacement), ..Redaction::default() }
    }

    #[test]
    fn a_query_keeps_every_other_byte() {
        for (path, redacted) in [
            ("/p?token=s3cret", "/p?token=*"),
            ("/p?a=%7e&token=s3cret&&b&=c&d==", "/p?a=%7e&token=*&&b&=c&d=="),
            ("/p?%74oken=s3cret&token=s3cret=x?y", "/p?%74oken=*&token=*"),
            ("/p?my+key=s3cret&my%20key=s3cret&my%2Bkey=1", "/p?my+key=*&my%20key=*&my%2Bkey=1"),
            ("/p?token=", "/p?token=*"),
            ("/p?token", "/p?token"),
            ("/p?Token=1", "/p?Token=1"),
            ("/token=1", "/token=1"),
            ("/p?", "/p?"),
            ("", ""),
        ] {
            let result = redaction(&["token", "my key"], "*").path(path.as_bytes().into());
            assert_eq!(*result, *redacted.replace('*', "%2A").as_bytes(), "{path}");
        }
        assert_eq!(*redaction(&["a"], "é b").path(b"?a=1"[..].into()), *b"?a=%C3%A9%20b");
    }

    #[test]
    fn a_path_that_no_copy_can_have_is_not_completed() {
        // Three bytes become 765.
        let path = format!("/?{}", "a=&".repeat(300_000));
        let redacted = redaction(&["a"], &"é".repeat(127)).path(path.as_bytes().into());
        assert!((MAX_PATH + 1..MAX_PATH + 1000).contains(&redacted.len()), "{}", redacted.len());
    }

    #[test]
    fn only_what_says_to_be_plain_json_is_taken_for_it() {
        for (headers, json) in [
            (&[("content-type", "application/json")][..], true),
            (&[("content-type", "Application/JSON; charset=\"UTF-8\"")], true),
            (&[("content-type", "application/vnd.api+json;v=1")], true),
            (&[("content-type", "application/json"), ("content-encoding", "identity")], true),
            (&[("content-type", "application/json"), ("content-encoding", "")], true),
            (&[], false),
            (&[("content-type", "")], false),
            (&[("content-type", "text/plain")], false),
            (&[("content-type", "application/json5")], false),
            (&[("content-type", "application/json; charset=utf-16")], false),
            (&[("content-type", "application/json; charset = utf-7")], false),
            (&[("content-type", "application/json"), ("content-type", "text/plain")], false),
            (&[("content-type", "application/json"), ("content-encoding", "gzip")], false),
            (&[("content-type", "application/json"), ("content-encoding", "identity, br")], false),
            (
                &[
                    ("content-type", "application/json"),
                    ("content-encoding", "identity"),
                    ("content-encoding", "br"),
                ],
                false,
            ),
        ] {
            assert_eq!(is_plain_json(&head(headers)), json, "{headers:?}");
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn no_hidden_value_of_a_query_is_left(
            parameters in proptest::collection::vec(("[a-c%]{0,3}", "[x-z=?%]{0,5}", 0..3u8), 0..8),
        ) {
            let text = |(name, value, kind): &(String, String, u8)| match kind {
                0 => "token=S3CRET".to_owned(),
                1 => format!("{name}={value}"),
                _ => "t%6Fken=S3CRET".to_owned(),
            };
            let path = format!("/p?{}", parameters.iter().map(text).collect::<Vec<_>>().join("&"));
            let redacted = redaction(&["token"], "R").path(path.as_bytes().into());
            let expected = path.replace("S3CRET", "R").into_bytes();
            proptest::prop_assert_eq!(&*redacted, &*expected);
        }
    }
}
