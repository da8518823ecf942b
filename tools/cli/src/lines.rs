// SPDX-License-Identifier: Apache-2.0
//! Which line of a file a path is in. The reader of JSON does not tell, so its text is gone over once more, for lines alone.

use std::collections::BTreeMap;
use std::rc::Rc;

/// The lines of the paths of one document, counted from 1.
#[derive(Debug, Clone, Default)]
pub struct Lines(Rc<BTreeMap<String, usize>>);

impl From<BTreeMap<String, usize>> for Lines {
    fn from(lines: BTreeMap<String, usize>) -> Self {
        Self(Rc::new(lines))
    }
}

impl Lines {
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
    found.into()
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
