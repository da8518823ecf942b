// SPDX-License-Identifier: Apache-2.0
//! Which line of a file a path is in.
//!
//! The readers of JSON and YAML do not tell, so the text is gone over once more, for lines alone. In YAML only block
//! style is followed; what is written in flow style (`{a: 1}`) is in the line in which it begins.

use std::collections::BTreeMap;
use std::rc::Rc;

/// The lines of the paths of one document, counted from 1.
#[derive(Debug, Clone, Default)]
pub struct Lines(Rc<BTreeMap<String, usize>>);

impl Lines {
    pub fn exactly(&self, path: &str) -> Option<usize> {
        self.0.get(path).copied()
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
                    Some(place) if place.index.is_none() && place.key.is_none() => {
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
    Lines(Rc::new(found))
}

/// An object or a list that is open, with what is being read in it.
struct Place {
    path: String,
    key: Option<String>,
    index: Option<usize>,
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

/// Of each document of a YAML file.
pub fn of_yaml(text: &str) -> Vec<Lines> {
    let mut documents = vec![Block::default()];
    let mut begun = false;
    // The indentation of a key whose value is a text of several lines.
    let mut scalar: Option<usize> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if scalar.is_some_and(|of| content.is_empty() || indent > of) {
            continue;
        }
        scalar = None;
        if line.starts_with("---") {
            if begun {
                documents.push(Block::default());
            }
            begun = true;
        } else if !content.is_empty() && !content.starts_with('#') {
            begun = true;
            scalar = documents.last_mut().and_then(|block| block.line(indent, content, number));
        }
    }
    documents.into_iter().map(|block| Lines(Rc::new(block.found))).collect()
}

/// A document in block style, with the keys and elements that are open around the line.
#[derive(Default)]
struct Block {
    found: BTreeMap<String, usize>,
    open: Vec<Level>,
    elements_of_root: usize,
}

struct Level {
    indent: usize,
    path: String,
    is_element: bool,
    elements: usize,
}

impl Block {
    /// Says at which indentation a text of several lines begins, if one does.
    fn line(&mut self, mut indent: usize, mut content: &str, number: usize) -> Option<usize> {
        self.found.entry(String::new()).or_insert(number);
        while let Some(rest) = content.strip_prefix("- ").or((content == "-").then_some("")) {
            // A list may stand as far left as the key that it belongs to.
            self.close(|level| level.indent > indent || (level.indent == indent && level.is_element));
            let (path, elements) = match self.open.last_mut() {
                Some(level) => (level.path.as_str(), &mut level.elements),
                None => ("", &mut self.elements_of_root),
            };
            let path = format!("{path}[{elements}]");
            *elements += 1;
            self.enter(indent, path, true, number);
            let rest = rest.trim_start();
            indent += content.len() - rest.len();
            content = rest;
        }
        let (key, value) = key_of(content)?;
        self.close(|level| level.indent >= indent);
        let path = member(self.open.last().map_or("", |level| &level.path), key);
        self.enter(indent, path, false, number);
        value.starts_with(['|', '>']).then_some(indent)
    }

    fn close(&mut self, is_over: impl Fn(&Level) -> bool) {
        while self.open.last().is_some_and(&is_over) {
            self.open.pop();
        }
    }

    fn enter(&mut self, indent: usize, path: String, is_element: bool, number: usize) {
        self.found.insert(path.clone(), number);
        self.open.push(Level { indent, path, is_element, elements: 0 });
    }
}

fn key_of(content: &str) -> Option<(&str, &str)> {
    if content.starts_with(['{', '[']) {
        return None;
    }
    let (key, value) = match content.chars().next().filter(|first| ['"', '\''].contains(first)) {
        Some(quote) => {
            let (key, rest) = content.get(1..)?.split_once(quote)?;
            (key, rest.trim_start().strip_prefix(':')?)
        }
        None => content.split_once(": ").or_else(|| Some((content.strip_suffix(':')?, "")))?,
    };
    Some((key.trim(), value.trim()))
}
