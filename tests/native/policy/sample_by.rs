// SPDX-License-Identifier: Apache-2.0
//! `sample_by`: one key, one decision.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::sim::{Request, Sim};

const USERS: usize = 1000;

fn mirror(name: &str, percentage: f64, sample_by: &Value) -> Value {
    json!({"cluster": "c", "name": name, "percentage": percentage, "sample_by": sample_by,
        "limits": {"max_in_flight": 100_000}})
}

/// The users that each mirror copies.
fn copied(mirrors: &[Value], request: impl Fn(Request, usize) -> Request) -> Vec<BTreeSet<String>> {
    let mut sim = Sim::with_config(json!({"mirrors": mirrors}));
    for user in 0..USERS {
        request(sim.request().header("x-number", user.to_string()), user).send().gone();
    }
    sim.tick();
    let copies = sim.callouts();
    sim.assert_adds_up();
    let by = |name: &Value| {
        let own = copies.iter().filter(|copy| copy.header("x-shadow-mirror") == name.as_str().unwrap());
        own.map(|copy| copy.header("x-number")).collect()
    };
    mirrors.iter().map(|mirror| by(&mirror["name"])).collect()
}

fn by_header(request: Request, user: usize) -> Request {
    request.header("x-user", format!("user-{user}"))
}

#[test]
fn a_key_is_decided_once_and_for_all_by_its_value() {
    let header = json!({"header": "X-User"});
    let chosen = copied(&[mirror("m", 10.0, &header)], by_header);
    assert!((50..150).contains(&chosen[0].len()), "{}", chosen[0].len());
    // In another VM, by other means of the same key, the choice is the same.
    assert_eq!(copied(&[mirror("other", 10.0, &header)], by_header), chosen);
    let cookie = mirror("m", 10.0, &json!({"cookie": "user"}));
    let by_cookie = |request: Request, user| {
        request.header("cookie", "a=b").header("cookie", format!("c=d; user=user-{user}"))
    };
    assert_eq!(copied(&[cookie], by_cookie), chosen);
    let query = mirror("m", 10.0, &json!({"query": "user"}));
    assert_eq!(copied(&[query], |request, user| request.path(format!("/?u%73er=user%2d{user}"))), chosen);
}

#[test]
fn the_host_is_a_key_like_any_other() {
    let by_host = mirror("m", 50.0, &json!({"header": "Host"}));
    let chosen = copied(&[by_host], |request, _| request);
    assert!([0, USERS].contains(&chosen[0].len()), "all have the same: {}", chosen[0].len());
}

#[test]
fn a_smaller_percentage_is_a_subset_and_a_salt_makes_another_choice() {
    let [plain, salted] = [json!({"header": "x-user"}), json!({"header": "x-user", "salt": "s"})];
    let mirrors = [
        mirror("one", 1.0, &plain),
        mirror("ten", 10.0, &plain),
        mirror("same", 10.0, &plain),
        mirror("salted", 10.0, &salted),
        mirror("all", 100.0, &plain),
        mirror("none", 0.0, &plain),
    ];
    let chosen = copied(&mirrors, by_header);
    let [one, ten, same, salted, all, none] = &chosen[..] else { panic!() };
    assert!(one.is_subset(ten) && one.len() < ten.len());
    assert_eq!(ten, same);
    assert!(salted.intersection(ten).count() < 40);
    assert_eq!((all.len(), none.len()), (USERS, 0));
}

#[test]
fn a_request_without_the_key_is_sampled_at_random() {
    let sample_by = json!({"header": "x-user"});
    let mirrors = [mirror("m", 50.0, &sample_by), mirror("n", 50.0, &sample_by)];
    let chosen = copied(&mirrors, |request, _| request);
    // Six standard deviations are 95.
    assert!((405..=595).contains(&chosen[0].len()), "{}", chosen[0].len());
    assert_ne!(chosen[0], chosen[1]);
}

#[test]
fn who_is_not_sampled_is_counted_so() {
    let mut sim = Sim::with_config(json!({"mirrors": [mirror("m", 0.0001, &json!({"header": "x-user"}))]}));
    for user in 0..10 {
        by_header(sim.request(), user).send();
    }
    assert_eq!(sim.counted("m"), [("requests".into(), 10), ("skipped unsampled".into(), 10)].into());
}
