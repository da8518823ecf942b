// SPDX-License-Identifier: Apache-2.0
//! Which line of a file a path is in.
//!
//! The readers of JSON and YAML do not tell, so the text is gone over once more, for lines alone.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// The lines of the paths of one document, counted from 1, and the paths of words without quotes in YAML.
#[derive(Debug, Clone, Default)]
pub struct Lines(Rc<BTreeMap<String, usize>>, Rc<BTreeSet<String>>);

impl Lines {
    /// Whether the value is a word of YAML without quotes, which a reader may take for something else than text.
    pub fn is_plain(&self, path: &str) -> bool {
        self.1.contains(path)
    }

    /// The line of a path, or of the nearest thing around it.
    pub fn of(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            if path.is_empty() || path == "configuration" {
                return self.0.get("").copied();
            }
            path = path.rfind(['.', '[']).and_then(|end| path.get(..end)).unwrap_or("");
        }
    }
}

/// The path of a member, as the filter spells paths.
pub fn member(parent: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key.len() <= 80
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    match (plain, parent) {
        (true, "") => key.to_owned(),
        (true, _) => format!("{parent}.{key}"),
        (false, "") => format!("configuration[\"{}\"]", key.escape_debug()),
        (false, _) => format!("{parent}[\"{}\"]", key.escape_debug()),
    }
}

/// A path within what is at another path.
pub fn below(outer: &str, path: &str) -> String {
    match (outer, path) {
        (_, "configuration") => outer.to_owned(),
        ("", _) => path.to_owned(),
        _ => format!("{outer}.{path}"),
    }
}

/// The line that a reader of JSON names in its words.
pub fn of_error(words: &str) -> Option<usize> {
    let (_, rest) = words.strip_prefix("text that is not JSON")?.rsplit_once(" at line ")?;
    rest.split(' ').next()?.parse().ok()
}

/// Of text that is JSON; of other text as far as it goes.
pub fn of_json(text: &str) -> Lines {
    let mut found = BTreeMap::from([(String::new(), 1)]);
    let mut line = 1;
    let mut open: Vec<Place> = Vec::new();
    let mut characters = text.char_indices();
    while let Some((start, character)) = characters.next() {
        match character {
            '\n' => line += 1,
            '{' | '[' => {
                let path = here(&mut found, &mut open, line);
                open.push(Place { path, key: None, index: (character == '[').then_some(0) });
            }
            '}' | ']' => _ = open.pop(),
            ',' => {
                if let Some(place) = open.last_mut() {
                    place.key = None;
                    place.index = place.index.map(|index| index + 1);
                }
            }
            '"' => {
                let mut escaped = false;
                let end = characters.find(|(_, character)| {
                    let ends = *character == '"' && !escaped;
                    escaped = *character == '\\' && !escaped;
                    ends
                });
                let literal = end.and_then(|(end, _)| text.get(start..=end)).unwrap_or_default();
                match open.last_mut() {
                    Some(place) if place.is_at_key() => {
                        place.key = serde_json::from_str(literal).ok();
                        here(&mut found, &mut open, line);
                    }
                    _ => _ = here(&mut found, &mut open, line),
                }
            }
            ':' => {}
            character if character.is_whitespace() => {}
            _ => _ = here(&mut found, &mut open, line),
        }
    }
    Lines(Rc::new(found), Rc::default())
}

/// An object or a list that is open, with what is being read in it.
struct Place {
    path: String,
    key: Option<String>,
    index: Option<usize>,
}

impl Place {
    fn is_at_key(&self) -> bool {
        self.index.is_none() && self.key.is_none()
    }
}

/// Notes the line of the value that is being read, and returns its path.
fn here(found: &mut BTreeMap<String, usize>, open: &mut [Place], line: usize) -> String {
    let path = match open.last() {
        Some(Place { path, index: Some(index), .. }) => format!("{path}[{index}]"),
        Some(Place { path, key: Some(key), .. }) => member(path, key),
        _ => return String::new(),
    };
    // The last of several: it is the later one of two keys that is the fault.
    found.insert(path.clone(), line);
    path
}

/// Of each document of a YAML file, as far as it is YAML.
pub fn of_yaml(text: &str) -> Vec<Lines> {
    let mut documents: Vec<Document> = Vec::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        if matches!(event, Event::DocumentStart(_)) {
            documents.push(Document::default());
        } else if let Some(document) = documents.last_mut() {
            document.event(event, span.start.line());
        }
    }
    documents.into_iter().map(|document| Lines(Rc::new(document.found), Rc::new(document.plain))).collect()
}

#[derive(Default)]
struct Document {
    found: BTreeMap<String, usize>,
    plain: BTreeSet<String>,
    open: Vec<Place>,
    /// Anchors of plain words.
    anchors: BTreeSet<usize>,
}

impl Document {
    fn event(&mut self, event: Event<'_>, line: usize) {
        self.found.entry(String::new()).or_insert(line);
        match event {
            Event::Scalar(text, style, anchor, _) => match self.open.last_mut() {
                Some(place) if place.is_at_key() => {
                    place.key = Some(text.into_owned());
                    here(&mut self.found, &mut self.open, line);
                }
                _ => {
                    // Whatever its tag: `!!str off` is a truth value to Envoy as well.
                    let is_plain = style == ScalarStyle::Plain;
                    if is_plain {
                        self.anchors.insert(anchor);
                    }
                    self.value(is_plain, line);
                }
            },
            // As a key it stands for a text that is not known here.
            Event::Alias(_) if self.open.last().is_some_and(Place::is_at_key) => {
                if let Some(place) = self.open.last_mut() {
                    place.key = Some("*".into());
                }
            }
            Event::Alias(anchor) => self.value(anchor > 0 && self.anchors.contains(&anchor), line),
            Event::MappingStart(..) => self.enter(None, line),
            Event::SequenceStart(..) => self.enter(Some(0), line),
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
                self.next();
            }
            _ => {}
        }
    }

    fn value(&mut self, is_plain: bool, line: usize) {
        let path = self.note(line);
        if is_plain {
            self.plain.insert(path);
        } else {
            self.plain.remove(&path);
        }
        self.next();
    }

    fn enter(&mut self, index: Option<usize>, line: usize) {
        let path = self.note(line);
        self.open.push(Place { path, key: None, index });
    }

    /// The path of a value. A member is in the line of its key, where a reader looks for it.
    fn note(&mut self, line: usize) -> String {
        match self.open.last() {
            Some(Place { path, key: Some(key), .. }) => member(path, key),
            _ => here(&mut self.found, &mut self.open, line),
        }
    }

    fn next(&mut self) {
        if let Some(place) = self.open.last_mut() {
            place.key = None;
            place.index = place.index.map(|index| index + 1);
        }
    }
}
