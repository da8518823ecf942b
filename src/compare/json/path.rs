// SPDX-License-Identifier: Apache-2.0
//! Where a difference is, as a JSON pointer.

use super::tree::View;
use crate::compare::difference::MAX_KEPT;
use crate::json::Characters;

/// One step of the way to a value.
#[derive(Debug, Clone, Copy)]
pub enum PathPart {
    /// The index of the name in the tree of the primary, or in that of the shadow.
    Member {
        side: usize,
        name: u32,
    },
    Element(usize),
    /// None: the list itself, of which elements have no place.
    Here,
}

/// The way as a pointer, as far as it is kept.
pub fn pointer_to(way: impl Iterator<Item = PathPart>, sides: [View; 2]) -> String {
    let mut pointer = String::new();
    for step in way {
        if pointer.len() > MAX_KEPT {
            break;
        }
        match step {
            PathPart::Here => {}
            PathPart::Element(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            PathPart::Member { side, name } => {
                pointer.push('/');
                let spelled = sides.get(side).map_or(&b""[..], |view| view.name(name).spelled);
                let mut characters = Characters::default();
                let name = std::iter::from_fn(|| characters.next(spelled)).take(MAX_KEPT);
                for character in String::from_utf8_lossy(&name.collect::<Vec<_>>()).chars() {
                    match character {
                        '~' => pointer.push_str("~0"),
                        '/' => pointer.push_str("~1"),
                        other => pointer.push(other),
                    }
                }
            }
        }
    }
    pointer
}
