// SPDX-License-Identifier: Apache-2.0
//! Two answers are compared: never with a panic, the same way round or the other, and equal JSON is equal for serde_json too.
//! Input: one body, an empty line, the other body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use shadow_filter::compare::{BodyRule, Observed, Rules, Verdict};
use shadow_filter::http::Head;

const LIMIT: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let at = data.windows(2).position(|pair| pair == b"\n\n");
    let (one, other) = at.map_or((data, data), |at| (&data[..at], &data[at + 2..]));
    let rules = Rules { body: BodyRule::Json, max_body_bytes: LIMIT, ..Rules::default() };
    let answer = |body: &[u8]| Observed { status: 200, headers: Head::default(), body: Some(body.to_vec()) };
    let (primary, shadow) = (answer(one), answer(other));

    let verdict = rules.compare(&primary, &shadow);
    let reverse = rules.compare(&shadow, &primary);
    assert_eq!(is_match(&verdict), is_match(&reverse));
    if one.len().max(other.len()) > LIMIT {
        assert_eq!(verdict, Verdict::Incomparable);
        return;
    }
    assert_ne!(verdict, Verdict::Incomparable);
    assert_eq!(rules.compare(&primary, &primary), Verdict::Match);
    if let (Ok(one), Ok(other)) =
        (serde_json::from_slice::<Value>(one), serde_json::from_slice::<Value>(other))
        && one == other
        && exact(&one)
    {
        assert!(is_match(&verdict), "{one}");
    }
    if let Verdict::Mismatch(differences) = verdict {
        assert!(!differences.is_empty() && !differences.listed.is_empty());
    }
});

fn is_match(verdict: &Verdict) -> bool {
    *verdict == Verdict::Match
}

/// Whether the model loses nothing: it rounds numbers, and of names that are repeated it keeps one, so that only values
/// without either are told by it.
fn exact(value: &Value) -> bool {
    match value {
        Value::Number(_) | Value::Object(_) => false,
        Value::Array(items) => items.iter().all(exact),
        _ => true,
    }
}
