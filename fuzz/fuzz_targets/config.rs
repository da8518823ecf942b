// SPDX-License-Identifier: Apache-2.0
//! Any bytes are a configuration or have a fault; what is accepted says what its text says, whichever way it comes. A configuration that
//! is generated from the same bytes is accepted with any of the keys, and refused with one thing wrong, at its place.
#![no_main]

#[path = "config/conditions.rs"]
mod conditions;
#[path = "config/document.rs"]
mod document;
#[path = "config/expected.rs"]
mod expected;
#[path = "config/generated.rs"]
mod generated;
#[path = "config/transform.rs"]
mod transform;

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use fastrand::Rng;
use libfuzzer_sys::fuzz_target;
use prost::Message;
use prost_types::value::Kind;
use serde_json::{Map, Value};
use shadow_filter::capture::{BodyPolicy, MAX_BODY_BYTES, MAX_BUFFERED_BYTES};
use shadow_filter::config::{Config, MAX_MIRRORS};
use shadow_filter::http::Head;
use shadow_filter::http::reserved::is_reserved;
use shadow_filter::select::PrimaryStatus;
use shadow_filter::transform::{Outgoing, Rewritten, fits};

static REQUEST: LazyLock<Head> = LazyLock::new(|| {
    shadow_filter_fuzz::head(&[
        (b":method", b"GET"),
        (b":authority", b"shop.test:80"),
        (b":path", b"/api/items?user=J%C3%B6rg&page=2"),
        (b"cookie", b"session=1; user=ann"),
        (b"x-bytes", b"\xff\xfe"),
    ])
});

fuzz_target!(|data: &[u8]| {
    any_bytes(data);
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let mut rng = Rng::with_seed(data.iter().fold(0xcbf2_9ce4_8422_2325, fold));
    let mut json = generated::valid(&mut rng);
    let bytes = json.to_string();
    assert!(Config::parse(bytes.as_bytes()).is_ok(), "{bytes}: {:?}", Config::parse(bytes.as_bytes()));
    any_bytes(bytes.as_bytes());
    let path = generated::spoil(&mut json, &mut rng);
    let faults = Config::parse(json.to_string().as_bytes()).expect_err(&format!("{path} of {json}"));
    assert!(faults.iter().any(|fault| fault.path.starts_with(&path)), "{path} of {json}: {faults:?}");
});

fn any_bytes(data: &[u8]) {
    let config = match Config::parse(data) {
        Ok(config) => config,
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                let line = fault.to_string();
                assert!(!line.chars().any(char::is_control), "not one line of a log: {line:?}");
                assert!(line.contains(": found ") && line.contains(", expected "), "{line}");
            }
            return;
        }
    };
    assert_eq!(Config::parse(data).as_ref(), Ok(&config));
    check(&config);
    if let Ok(Value::Object(json)) = serde_json::from_slice(data) {
        expected::check(&config, &json);
        for spelling in [Spelling::Doubles, Spelling::Text] {
            let encoded = spelling.fields(&json).encode_to_vec();
            let again = Config::parse(&encoded).unwrap_or_else(|faults| panic!("as a Struct: {faults:?}"));
            assert_eq!(sorted(again), sorted(config.clone()));
        }
    }
}

/// What the types of the configuration say in words.
fn check(config: &Config) {
    assert!(config.mirrors.len() <= MAX_MIRRORS);
    assert!((1..=MAX_BUFFERED_BYTES).contains(&(config.max_buffered_bytes as u64)));
    let names: HashSet<_> = config.mirrors.iter().map(|mirror| &mirror.name).collect();
    assert_eq!(names.len(), config.mirrors.len(), "names are unique");
    for mirror in &config.mirrors {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        assert!((1..=64).contains(&mirror.name.len()) && mirror.name.bytes().all(is_plain));
        assert!(mirror.timeout > Duration::ZERO && mirror.timeout <= Duration::from_secs(3600));
        assert_eq!(mirror.timeout.subsec_nanos() % 1_000_000, 0);
        assert!(mirror.limits.max_in_flight > 0);
        assert!(mirror.limits.rate.is_none_or(|rate| rate.burst > 0 && rate.per_second >= 0.001));
        if let BodyPolicy::Full { max_bytes, .. } = mirror.body {
            assert!(max_bytes as u64 <= MAX_BODY_BYTES);
        }
        for (name, value) in mirror.transform.headers.values() {
            assert!(!is_reserved(name) && !name.iter().any(u8::is_ascii_uppercase));
            assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)), "{value:?}");
        }
        mirror.select.conditions.admit(&REQUEST, PrimaryStatus::Awaited);
        if let Some(by) = &mirror.select.sample_by {
            assert!(!by.salt.contains('\0'));
            by.draw(&REQUEST);
        }
        mirror.select.target.of(&REQUEST);
        let rewritten = Rewritten::of(&REQUEST, &mirror.transform);
        let copy = Outgoing::build(&REQUEST, &mirror.transform, &rewritten, 0);
        assert_eq!(fits(&REQUEST, &mirror.transform, 0), copy.fits());
        assert_eq!(copy.headers().last().map(|(_, value)| value), Some(mirror.name.as_bytes()));
    }
}

/// A `Struct` has no order of fields.
fn sorted(mut config: Config) -> Config {
    for mirror in &mut config.mirrors {
        mirror.transform.headers.set.sort();
        mirror.transform.headers.add.sort();
        let conditions = &mut mirror.select.conditions;
        for condition in conditions.any_of.iter_mut().flatten().chain(&mut conditions.none_of) {
            // Names that differ in case are one name, so the matcher has a part in the order.
            condition.headers.sort_by_cached_key(|named| format!("{named:?}"));
            condition.query.sort_by_cached_key(|named| format!("{named:?}"));
        }
    }
    config
}

/// How numbers get into a `Struct`: Envoy's YAML reader makes text of those that are not whole.
#[derive(Clone, Copy)]
enum Spelling {
    Doubles,
    Text,
}

impl Spelling {
    fn fields(self, object: &Map<String, Value>) -> prost_types::Struct {
        let fields = object.iter().map(|(key, value)| (key.clone(), self.value(value))).collect();
        prost_types::Struct { fields }
    }

    fn value(self, json: &Value) -> prost_types::Value {
        let kind = match json {
            Value::Null => Kind::NullValue(0),
            Value::Bool(value) => Kind::BoolValue(*value),
            Value::Number(value) => match (self, value.as_f64().expect("a double")) {
                (Self::Text, double) if double.fract() != 0.0 => Kind::StringValue(value.to_string()),
                (_, double) => Kind::NumberValue(double),
            },
            Value::String(value) => Kind::StringValue(value.clone()),
            Value::Array(items) => {
                let values = items.iter().map(|item| self.value(item)).collect();
                Kind::ListValue(prost_types::ListValue { values })
            }
            Value::Object(object) => Kind::StructValue(self.fields(object)),
        };
        prost_types::Value { kind: Some(kind) }
    }
}
