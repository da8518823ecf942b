// SPDX-License-Identifier: Apache-2.0
//! A `google.protobuf.Struct` as Envoy hands it to the filter.

use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Map, Value};

/// The bytes of a `Struct` with the fields of a JSON object.
pub fn as_struct(json: &Value) -> Vec<u8> {
    fields(json.as_object().expect("an object")).encode_to_vec()
}

fn fields(object: &Map<String, Value>) -> Struct {
    Struct { fields: object.iter().map(|(key, value)| (key.clone(), convert(value))).collect() }
}

fn convert(json: &Value) -> prost_types::Value {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().expect("a double")),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(convert).collect() }),
        Value::Object(object) => Kind::StructValue(fields(object)),
    };
    prost_types::Value { kind: Some(kind) }
}
