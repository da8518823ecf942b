// SPDX-License-Identifier: Apache-2.0
//! Finds this filter's plugin configurations in a file, whatever stands around them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::place::Step;
use crate::lines::{self, Lines};
use crate::yaml::{self, Document, Words};

const MODULE: [&str; 2] = ["shadow-filter", "shadow_filter"];
const NAMES: [&str; 3] = ["shadow", "shadow-filter", "shadow_filter"];
/// Keys of a document that is Envoy's or Kubernetes', and not a plugin configuration.
const FOREIGN: [&str; 10] = [
    "static_resources",
    "staticResources",
    "dynamic_resources",
    "resources",
    "configs",
    "apiVersion",
    "kind",
    "@type",
    "name",
    "admin",
];
/// Deepest place that is looked at.
const MAX_DEPTH: usize = 100;

pub struct File {
    /// None where the text is the configuration itself, in JSON.
    pub documents: Vec<Document>,
    pub plugins: Vec<Plugin>,
    /// Wasm plugins that are not this filter.
    pub others: usize,
}

/// One plugin with this filter's configuration.
pub struct Plugin {
    /// What it is and where, if the configuration is not the whole file.
    pub place: Option<String>,
    pub line: Option<usize>,
    /// The index of its document, and the way to it there.
    pub document: usize,
    pub steps: Vec<Step>,
    /// Of the configuration in its document.
    pub path: String,
    pub source: Source,
}

pub enum Source {
    /// As the filter gets it, and where in the file it begins.
    Text {
        text: Vec<u8>,
        first_line: Option<usize>,
    },
    Tree(Value),
    /// What Envoy would refuse before the filter sees it: found, expected.
    Unusable(String, &'static str),
}

/// The configurations of this filter in what an Envoy says at `/config_dump`, as far as they are JSON.
pub fn configurations(dump: &Value) -> Vec<Value> {
    let mut file = File { documents: Vec::new(), plugins: Vec::new(), others: 0 };
    let document = Document { value: dump.clone(), lines: Lines::default(), words: Words::default() };
    Search::new(&mut file, &document, 0, "").all();
    let json = |plugin: Plugin| match plugin.source {
        Source::Tree(json) => Some(json),
        Source::Text { text, .. } => serde_json::from_slice(&text).ok(),
        Source::Unusable(..) => None,
    };
    file.plugins.into_iter().filter_map(json).collect()
}

/// Reads a file of one or more documents.
///
/// # Errors
/// What keeps it from being read, in words.
pub fn read(text: &str) -> Result<File, String> {
    if text.trim().is_empty() {
        return Err("the file is empty".into());
    }
    let mut file = File { documents: Vec::new(), plugins: Vec::new(), others: 0 };
    match serde_json::from_str::<Value>(text) {
        Ok(value) if is_foreign(&value) => {
            let document = Document { value, lines: lines::of_json(text), words: Words::default() };
            Search::new(&mut file, &document, 0, text).all();
            file.documents.push(document);
        }
        // As it stands: keys that it has twice are faults.
        Ok(_) => file.plugins.push(whole(Source::Text { text: text.into(), first_line: Some(1) })),
        Err(_) if text.trim_start().starts_with('{') => {
            file.plugins.push(whole(Source::Text { text: text.into(), first_line: Some(1) }));
        }
        Err(_) => yaml(text, &mut file)?,
    }
    Ok(file)
}

fn yaml(text: &str, file: &mut File) -> Result<(), String> {
    let documents = yaml::documents(text).map_err(|error| format!("neither JSON nor YAML: {error}"))?;
    for (index, document) in documents.iter().enumerate() {
        if document.value.get("mirrors").is_some() && !is_foreign(&document.value) {
            file.plugins.push(Plugin { document: index, ..whole(Source::Tree(document.value.clone())) });
        } else {
            Search::new(file, document, index, text).all();
        }
    }
    file.documents = documents;
    Ok(())
}

fn whole(source: Source) -> Plugin {
    Plugin { place: None, line: None, document: 0, steps: Vec::new(), path: String::new(), source }
}

fn is_foreign(json: &Value) -> bool {
    let Some(object) = json.as_object() else { return json.is_array() && contains_object(json) };
    !object.contains_key("mirrors") && FOREIGN.iter().any(|key| object.contains_key(*key))
}

fn contains_object(json: &Value) -> bool {
    json.as_array().into_iter().flatten().any(Value::is_object)
}

struct Search<'a> {
    file: &'a mut File,
    document: &'a Document,
    index: usize,
    text: &'a str,
    steps: Vec<Step>,
}

impl<'a> Search<'a> {
    fn new(file: &'a mut File, document: &'a Document, index: usize, text: &'a str) -> Self {
        Self { file, document, index, text, steps: Vec::new() }
    }

    fn all(&mut self) {
        let document = self.document;
        self.at(&document.value, "", "");
    }

    /// Looks at a value and everything in it. `resource` is what the last Kubernetes object around it is called.
    fn at(&mut self, json: &Value, path: &str, resource: &str) {
        if self.steps.len() > MAX_DEPTH {
            return;
        }
        match json {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.steps.push(Step::Index(index));
                    self.at(item, &format!("{path}[{index}]"), resource);
                    self.steps.pop();
                }
            }
            Value::Object(object) => {
                let own = resource_name(object);
                let resource = own.as_deref().unwrap_or(resource);
                if let Some(kind) = Kind::of(object, resource) {
                    return self.plugin(kind, object, path, resource);
                }
                for (key, value) in object {
                    self.steps.push(Step::Key(key.clone()));
                    self.at(value, &lines::member(path, key), resource);
                    self.steps.pop();
                }
            }
            _ => {}
        }
    }

    fn plugin(&mut self, kind: Kind, object: &Map<String, Value>, path: &str, resource: &str) {
        let (key, config) = kind.keys().iter().find_map(|key| Some((*key, object.get(*key)?))).unzip();
        let at = key.map_or(path.to_owned(), |key| lines::member(path, key));
        let (source, at) = match (kind, config) {
            (_, None | Some(Value::Null)) => {
                (Source::Text { text: Vec::new(), first_line: self.document.lines.of(path) }, at)
            }
            (Kind::Istio | Kind::EnvoyGateway, Some(config)) => (Source::Tree(config.clone()), at),
            (Kind::Envoy, Some(config)) => (self.wrapped(config, &at), lines::member(&at, "value")),
        };
        if !is_ours(object, &source) {
            self.file.others += 1;
            return;
        }
        let name = ["name", "pluginName", "plugin_name", "root_id", "rootId"];
        let name = name.iter().find_map(|key| object.get(*key)?.as_str()).filter(|name| !name.is_empty());
        let name = name.map_or("plugin".to_owned(), |name| format!("plugin `{name}`"));
        let place = if resource.is_empty() { name } else { format!("{name} of {resource}") };
        let (line, document, steps) = (self.document.lines.of(path), self.index, self.steps.clone());
        self.file.plugins.push(Plugin { place: Some(place), line, document, steps, path: at, source });
    }

    /// A `google.protobuf.Any`, as Envoy wants it.
    fn wrapped(&self, config: &Value, at: &str) -> Source {
        const ANY: &str = "an Any: @type of StringValue, Struct or BytesValue, and its value";
        let kind = config.get("@type").and_then(Value::as_str).and_then(|kind| kind.rsplit('.').next());
        match (kind, config.get("value")) {
            (Some("StringValue"), Some(Value::String(text))) => Source::Text {
                text: text.as_bytes().to_vec(),
                first_line: self.first_line(&lines::member(at, "value")),
            },
            (Some("StringValue"), _) => {
                Source::Unusable("a StringValue without text".into(), "JSON in quotes or behind |")
            }
            (Some("Struct"), Some(json @ Value::Object(_))) => Source::Tree(json.clone()),
            (Some("Struct"), _) => {
                Source::Unusable("a Struct without an object".into(), "an object as its value")
            }
            (Some("BytesValue"), value) => {
                let decoded =
                    value.and_then(Value::as_str).and_then(|text| STANDARD.decode(text.trim()).ok());
                match decoded {
                    Some(text) => Source::Text { text, first_line: None },
                    None => Source::Unusable("a BytesValue that is not base64".into(), "base64 as its value"),
                }
            }
            (Some(other), _) => Source::Unusable(format!("a {other}"), ANY),
            (None, _) => Source::Unusable("no @type".into(), ANY),
        }
    }

    /// The line in which a text begins: below its key, where it stands there as it is.
    fn first_line(&self, path: &str) -> Option<usize> {
        let line = self.document.lines.of(path)?;
        let own = self.text.lines().nth(line.checked_sub(1)?)?.trim_end();
        let is_block =
            own.ends_with(['|', '>']) || own.ends_with("|-") || own.ends_with(">-") || own.ends_with("|+");
        Some(if is_block { line + 1 } else { line })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `envoy.extensions.wasm.v3.PluginConfig`.
    Envoy,
    /// The `spec` of a WasmPlugin, or the `wasm` of a TrafficExtension.
    Istio,
    /// One `wasm` of an EnvoyExtensionPolicy.
    EnvoyGateway,
}

impl Kind {
    fn of(object: &Map<String, Value>, resource: &str) -> Option<Self> {
        let has = |keys: &[&str]| keys.iter().any(|key| object.contains_key(*key));
        let is_istio = ["WasmPlugin ", "TrafficExtension "].iter().any(|kind| resource.starts_with(kind));
        if has(&["pluginConfig", "plugin_config"]) || (is_istio && has(&["url"])) {
            return Some(Self::Istio);
        }
        if resource.starts_with("EnvoyExtensionPolicy ") && has(&["code"]) {
            return Some(Self::EnvoyGateway);
        }
        let is_envoy =
            has(&["vm_config", "vmConfig"]) || (has(&["configuration"]) && has(&["root_id", "rootId"]));
        is_envoy.then_some(Self::Envoy)
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Envoy => &["configuration"],
            Self::Istio => &["pluginConfig", "plugin_config"],
            Self::EnvoyGateway => &["config"],
        }
    }
}

/// By its module, its name, or the shape of its configuration.
fn is_ours(object: &Map<String, Value>, source: &Source) -> bool {
    let named = ["root_id", "rootId", "rootID", "name", "pluginName", "plugin_name"];
    let named = named.iter().filter_map(|key| object.get(*key)?.as_str()).any(|name| NAMES.contains(&name));
    let mirrors = match source {
        Source::Tree(json) => json.get("mirrors").is_some(),
        Source::Text { text, .. } => {
            serde_json::from_slice::<Value>(text).is_ok_and(|json| json.get("mirrors").is_some())
        }
        Source::Unusable(..) => false,
    };
    let vm = object.get("vm_config").or_else(|| object.get("vmConfig"));
    let module = object.get("url").into_iter().chain(object.get("code")).chain(vm).any(names_module);
    named || mirrors || module
}

fn names_module(json: &Value) -> bool {
    match json {
        Value::String(text) => MODULE.iter().any(|name| text.contains(name)),
        Value::Array(items) => items.iter().any(names_module),
        Value::Object(object) => object.values().any(names_module),
        _ => false,
    }
}

/// `WasmPlugin shop/shadow`, of an object of Kubernetes.
fn resource_name(object: &Map<String, Value>) -> Option<String> {
    let kind = object.get("kind")?.as_str()?;
    object.get("apiVersion")?;
    let metadata = object.get("metadata");
    let text = |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str);
    let name = text("name").unwrap_or("without a name");
    Some(match text("namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    })
}
