// SPDX-License-Identifier: Apache-2.0
//! Where two trees differ, and a change that makes them differ in one place.

use crate::decimal::Decimal;
use crate::respelling::Choices;
use crate::tree::Tree;

/// The way to a value. Names in UTF-16.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(Vec<Vec<u16>>);

impl Place {
    /// Whether every name in it is text, and not half a pair.
    pub fn is_text(&self) -> bool {
        self.0.iter().all(|name| String::from_utf16(name).is_ok())
    }

    /// As a JSON pointer.
    pub fn pointer(&self) -> String {
        let token = |name: &Vec<u16>| String::from_utf16_lossy(name).replace('~', "~0").replace('/', "~1");
        self.0.iter().map(|name| format!("/{}", token(name))).collect()
    }

    fn within(mut self, name: Vec<u16>) -> Self {
        self.0.insert(0, name);
        self
    }
}

fn index_name(index: usize) -> Vec<u16> {
    index.to_string().encode_utf16().collect()
}

/// Everywhere that two trees differ. `None` if the model cannot tell.
pub fn places(one: &Tree, other: &Tree) -> Option<Vec<Place>> {
    let differs = |same: bool| Some(if same { vec![] } else { vec![Place::default()] });
    match (one, other) {
        (Tree::Number(one), Tree::Number(other)) => differs(one.is(other)?),
        (Tree::List(one), Tree::List(other)) => {
            let pairs = (0..one.len().max(other.len())).map(|i| (index_name(i), one.get(i), other.get(i)));
            inner(pairs)
        }
        (Tree::Object(one), Tree::Object(other)) => {
            let mut names: Vec<_> = one.iter().chain(other).map(|(name, _)| name.clone()).collect();
            names.sort();
            names.dedup();
            let pairs = names.into_iter().flat_map(|name| {
                let of = |object: &'_ [(Vec<u16>, Tree)]| -> Vec<Tree> {
                    object
                        .iter()
                        .filter(|(other, _)| *other == name)
                        .map(|(_, value)| value.clone())
                        .collect()
                };
                let (one, other) = (of(one), of(other));
                let count = one.len().max(other.len());
                (0..count)
                    .map(move |i| (name.clone(), one.get(i).cloned(), other.get(i).cloned()))
                    .collect::<Vec<_>>()
            });
            let pairs: Vec<_> = pairs.collect();
            inner(pairs.iter().map(|(name, one, other)| (name.clone(), one.as_ref(), other.as_ref())))
        }
        (one, other) => differs(one == other),
    }
}

fn inner<'a>(
    pairs: impl Iterator<Item = (Vec<u16>, Option<&'a Tree>, Option<&'a Tree>)>,
) -> Option<Vec<Place>> {
    let mut found = Vec::new();
    for (name, one, other) in pairs {
        match (one, other) {
            (Some(one), Some(other)) => {
                found.extend(places(one, other)?.into_iter().map(|place| place.within(name.clone())));
            }
            _ => found.push(Place(vec![name])),
        }
    }
    Some(found)
}

/// Changes one value for certain, and says which.
pub fn change(tree: &mut Tree, choices: &mut Choices) -> Place {
    match tree {
        Tree::List(items) if !items.is_empty() && choices.below(8) != 0 => {
            let index = choices.below(items.len());
            change(&mut items[index], choices).within(index_name(index))
        }
        Tree::List(items) if choices.flip() => {
            items.push(Tree::Null);
            Place(vec![index_name(items.len() - 1)])
        }
        Tree::Object(members) if !members.is_empty() && choices.below(8) != 0 => {
            let index = choices.below(members.len());
            let name = members[index].0.clone();
            change(&mut members[index].1, choices).within(name)
        }
        Tree::Object(members) if choices.flip() => {
            // The last of its name, if there are others.
            let name: Vec<u16> = "added".encode_utf16().collect();
            members.push((name.clone(), Tree::Null));
            Place(vec![name])
        }
        tree => {
            *tree = other_value(tree, choices);
            Place::default()
        }
    }
}

/// A value that this one is not.
fn other_value(tree: &Tree, choices: &mut Choices) -> Tree {
    let near = match tree {
        Tree::Bool(value) => Tree::Bool(!value),
        // One digit more, at the far end.
        Tree::Number(number) => match number.exponent {
            Some(exponent) => {
                let places = exponent - number.digits.len() as i64 - 1;
                Tree::Number(Decimal::of(&format!(
                    "{}{}1e{places}",
                    if number.negative { "-" } else { "" },
                    number.digits
                )))
            }
            None => Tree::Null,
        },
        Tree::Text(units) => {
            let mut units = units.clone();
            match units.first_mut().filter(|_| choices.flip()) {
                Some(first) => *first = if *first == 65 { 97 } else { 65 },
                None => units.push(0),
            }
            Tree::Text(units)
        }
        Tree::Null => Tree::Bool(false),
        Tree::List(_) => Tree::Object(Vec::new()),
        Tree::Object(_) => Tree::List(Vec::new()),
    };
    let far = if *tree == Tree::Null { Tree::List(Vec::new()) } else { Tree::Null };
    if choices.below(4) == 0 { far } else { near }
}
