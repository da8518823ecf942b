// SPDX-License-Identifier: Apache-2.0
//! Two answers are compared, and the verdict is that of a model, place by place. What is equal but for its spelling and encoding
//! matches; what differs in one place mismatches there, and matches where that is ignored.
//! Input: one body, an empty line, the other body. The other also says how the first is spelled, and where it is changed.
#![no_main]

#[path = "compare/decimal.rs"]
mod decimal;
#[path = "compare/places.rs"]
mod places;
#[path = "compare/respelling.rs"]
mod respelling;
#[path = "compare/tree.rs"]
mod tree;

use libfuzzer_sys::fuzz_target;
use shadow_filter::compare::{BodyRule, DifferenceKind, Differences, Observed, Rules, Verdict};
use shadow_filter::http::Head;
use shadow_filter::json::{Pointer, Pointers};

use self::places::{Place, change, places};
use self::respelling::{Choices, encoded, respelled};
use self::tree::Tree;

const LIMIT: usize = 1 << 16;
/// Most places that are listed.
const LISTED: usize = 20;

fuzz_target!(|data: &[u8]| {
    let at = data.windows(2).position(|pair| pair == b"\n\n");
    let (one, other) = at.map_or((data, data), |at| (&data[..at], &data[at + 2..]));
    if one.len().max(other.len()) > LIMIT {
        let verdict = rules(BodyRule::Json).compare(&answer(one), &answer(other));
        assert_eq!(verdict, Verdict::Incomparable);
        return;
    }
    bytes_are_equal_or_not(one, other);
    json_is_as_the_model_says(one, other);
    let mut choices = Choices::seeded(other);
    the_rest_of_an_answer_counts(one, &mut choices);
    if let Some(tree) = Tree::of(one) {
        another_spelling_matches(&tree, &mut choices);
        for _ in 0..4 {
            a_change_is_found(&tree, &mut choices);
        }
    }
});

fn rules(body: BodyRule) -> Rules {
    Rules { body, max_body_bytes: LIMIT, ..Rules::default() }
}

fn answer(body: &[u8]) -> Observed {
    Observed { status: 200, grpc: None, headers: Head::default(), body: Some(body.to_vec()) }
}

fn bytes_are_equal_or_not(one: &[u8], other: &[u8]) {
    let verdict = rules(BodyRule::Bytes).compare(&answer(one), &answer(other));
    assert_eq!(verdict == Verdict::Match, one == other, "{verdict:?}");
    assert_eq!(listed(&verdict), if one == other { vec![] } else { vec![String::new()] });
    let off = rules(BodyRule::Off).compare(&answer(one), &answer(other));
    assert_eq!(off, Verdict::Match);
}

fn json_is_as_the_model_says(one: &[u8], other: &[u8]) {
    let (primary, shadow) = (answer(one), answer(other));
    let rules = rules(BodyRule::Json);
    let verdict = rules.compare(&primary, &shadow);
    let reverse = rules.compare(&shadow, &primary);
    assert_eq!(sorted(listed(&verdict)), sorted(listed(&reverse)));
    assert_eq!(rules.compare(&primary, &primary), Verdict::Match);
    let expected = match (Tree::of(one), Tree::of(other)) {
        (Some(one), Some(other)) => match places(&one, &other) {
            Some(places) => places,
            // The model cannot tell.
            None => return,
        },
        (None, None) if one == other => Vec::new(),
        _ => vec![Place::default()],
    };
    assert_eq!(verdict == Verdict::Match, expected.is_empty(), "{verdict:?} {expected:?}");
    assert_eq!(reverse == Verdict::Match, expected.is_empty(), "{reverse:?} {expected:?}");
    let found = listed(&verdict);
    assert!(found.len() == expected.len() || found.len() == LISTED && expected.len() > LISTED);
    noise_is_what_the_control_has(&rules, &primary, &shadow, &verdict);
    if expected.iter().all(Place::is_text) {
        let expected: Vec<String> = expected.iter().map(Place::pointer).collect();
        if expected.len() <= LISTED {
            assert_eq!(sorted(found), sorted(expected));
        } else {
            assert!(found.iter().all(|place| expected.contains(place)), "{found:?} {expected:?}");
        }
    }
}

/// Of a control that answers as the primary nothing is noise, of one that answers as the shadow everything.
fn noise_is_what_the_control_has(rules: &Rules, primary: &Observed, shadow: &Observed, verdict: &Verdict) {
    let [same, unchanged] = rules.compare_with_control(primary, primary, shadow);
    assert_eq!((same, &unchanged), (Verdict::Match, verdict));
    let [other, noise] = rules.compare_with_control(primary, shadow, shadow);
    assert_eq!(other == Verdict::Match, *verdict == Verdict::Match);
    match verdict {
        // So many members and such long names are remembered that only the control has.
        Verdict::Mismatch(_) if few_members(shadow) => assert_eq!(noise, Verdict::Noise),
        Verdict::Mismatch(_) => assert!(matches!(noise, Verdict::Noise | Verdict::Mismatch(_))),
        verdict => assert_eq!(noise, *verdict),
    }
}

fn few_members(answer: &Observed) -> bool {
    answer.body.as_ref().is_none_or(|body| body.len() <= 256)
}

fn another_spelling_matches(tree: &Tree, choices: &mut Choices) {
    let (one, other) = (respelled(tree, choices), respelled(tree, choices));
    if one.len().max(other.len()) > LIMIT {
        return;
    }
    let (one, other) = (encoded(&one, choices), encoded(&other, choices));
    for (primary, shadow) in [(&one, &other), (&other, &one)] {
        let verdict = rules(BodyRule::Json).compare(primary, shadow);
        assert_eq!(verdict, Verdict::Match, "{primary:?} {shadow:?}");
    }
}

fn a_change_is_found(tree: &Tree, choices: &mut Choices) {
    let mut changed = tree.clone();
    let place = change(&mut changed, choices);
    let (one, other) = (respelled(tree, choices), respelled(&changed, choices));
    if one.len().max(other.len()) > LIMIT {
        return;
    }
    let (one, other) = (encoded(&one, choices), encoded(&other, choices));
    let pointer = place.pointer();
    for (primary, shadow) in [(&one, &other), (&other, &one)] {
        let verdict = rules(BodyRule::Json).compare(primary, shadow);
        let Verdict::Mismatch(differences) = &verdict else {
            panic!("{verdict:?} at {pointer} of {primary:?} {shadow:?}");
        };
        assert_eq!(kinds(differences), [DifferenceKind::Body]);
        assert_eq!(listed(&verdict).len(), 1);
        if place.is_text() {
            assert_eq!(listed(&verdict), std::slice::from_ref(&pointer));
            // A `*` in a pointer is any member.
            if let Some(ignored) = Pointer::parse(&pointer).filter(|_| !pointer.contains('*')) {
                let rules =
                    Rules { ignore: Pointers::new(vec![ignored]).expect("one"), ..rules(BodyRule::Json) };
                assert_eq!(rules.compare(primary, shadow), Verdict::Match, "without {pointer}");
            }
        }
    }
}

/// Status and headers differ or not, each by itself; bodies in encodings that are not read cannot be told.
fn the_rest_of_an_answer_counts(body: &[u8], choices: &mut Choices) {
    let headers = |value: &[u8]| shadow_filter_fuzz::head(&[(b"a", b"same"), (b"b", value)]);
    let seen = |status, value: &[u8], body: &[u8]| Observed {
        status,
        headers: headers(value),
        body: Some(body.into()),
        ..Observed::default()
    };
    let (status, header, bytes) = (choices.flip(), choices.flip(), choices.flip());
    let longer = [body, b"x"].concat();
    let primary = seen(200, b"1", body);
    let shadow = seen(
        if status { 503 } else { 200 },
        if header { b"2" } else { b"1" },
        if bytes { &longer } else { body },
    );
    let all = Rules { headers: vec!["a".into(), "b".into(), "c".into()], ..rules(BodyRule::Bytes) };
    let expected: Vec<String> = [(status, "status"), (header, "header:b"), (bytes, "")]
        .iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, place)| (*place).to_owned())
        .collect();
    // The longer one may be over the limit.
    if longer.len() <= LIMIT {
        let verdict = all.compare(&primary, &shadow);
        assert_eq!(listed(&verdict), expected);
        assert_eq!(verdict == Verdict::Match, expected.is_empty());
        if let Verdict::Mismatch(differences) = &verdict {
            let any = [status, header, bytes];
            let expected: Vec<_> = DifferenceKind::ALL
                .iter()
                .zip(any)
                .filter(|(_, any)| *any)
                .map(|((kind, _), _)| *kind)
                .collect();
            assert_eq!(kinds(differences), expected);
        }
    }
    let none = Rules { status: false, ..rules(BodyRule::Off) };
    assert_eq!(none.compare(&primary, &shadow), Verdict::Match);
    let unread = Observed { body: None, ..seen(200, b"1", b"") };
    assert_eq!(all.compare(&unread, &primary), Verdict::Incomparable);
    let brotli =
        Observed { headers: shadow_filter_fuzz::head(&[(b"content-encoding", b"br")]), ..answer(b"x") };
    assert_eq!(rules(BodyRule::Json).compare(&brotli, &answer(b"y")), Verdict::Incomparable);
}

fn kinds(differences: &Differences) -> Vec<DifferenceKind> {
    DifferenceKind::ALL.iter().map(|(kind, _)| *kind).filter(|kind| differences.has(*kind)).collect()
}

fn listed(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Mismatch(differences) => differences.listed.iter().map(|one| one.at.clone()).collect(),
        _ => Vec::new(),
    }
}

fn sorted(mut places: Vec<String>) -> Vec<String> {
    places.sort();
    places
}
