// SPDX-License-Identifier: Apache-2.0
//! Where two JSON texts differ: keys in any order, lists in theirs, numbers by their value, strings by their characters.

use std::borrow::Cow;
use std::collections::BinaryHeap;

use super::difference::{self, Difference, Differences, Value};
use super::number;
use crate::json::{self, Lexer, NotJson, Place, Pointer, unescaped_with_halves};

/// Deepest nesting that is read: what is deeper is not taken for JSON.
const MAX_DEPTH: usize = 128;

/// A text with its values, each in front of those within it. A member's value comes right behind its name.
pub struct Tree<'a> {
    text: &'a [u8],
    nodes: Vec<Node>,
}

struct Node {
    kind: Kind,
    /// Where its text is.
    start: u32,
    end: u32,
    /// The index behind its last descendant.
    next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    List,
    String,
    Number,
    True,
    False,
    Null,
}

impl<'a> Tree<'a> {
    /// `None` if the text is not JSON.
    pub fn of(text: &'a [u8]) -> Option<Self> {
        let mut reader = Reader { lexer: Lexer::new(text).ok()?, nodes: Vec::new() };
        reader.value(0).ok()?;
        reader.lexer.skip_space();
        reader.lexer.peek().is_none().then_some(Self { text, nodes: reader.nodes })
    }

    /// Compares two texts, and notes where they differ. Leaves out what is under the pointers, whichever text it is in.
    pub fn compare(&self, other: &Tree<'a>, ignore: &[Pointer], differences: &mut Differences) {
        let place = json::start(ignore);
        if !place.hit {
            let mut comparison = Comparison { ignore, way: Vec::new(), differences };
            comparison.values((self, 0), (other, 0), place);
        }
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    fn text_of(&self, node: &Node) -> &'a [u8] {
        self.text.get(node.start as usize..node.end as usize).unwrap_or_default()
    }

    fn text_at(&self, index: usize) -> &'a [u8] {
        self.node(index).map_or(&[], |node| self.text_of(node))
    }

    /// The characters of a string. Half of a surrogate pair is none, and equal to itself alone.
    fn string(&self, node: &Node) -> Cow<'a, [u8]> {
        let quoted = self.text_of(node);
        let text = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        unescaped_with_halves(text).unwrap_or_default()
    }

    /// The indexes of what is right under a node.
    fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let end = self.node(index).map_or(0, |node| node.next as usize);
        let after = move |child: usize| self.node(child).map(|node| node.next as usize);
        std::iter::successors(Some(index + 1), move |child| after(*child))
            .take_while(move |child| *child < end)
    }

    /// The names of an object as they are spelled.
    fn names(&self, index: usize) -> impl Iterator<Item = &'a [u8]> {
        self.children(index).step_by(2).map(|name| self.text_at(name))
    }

    /// Names and values of an object, by name; repeated names in their order.
    fn members(&self, index: usize) -> Vec<(Cow<'a, [u8]>, usize)> {
        let mut members = BinaryHeap::new();
        let mut children = self.children(index);
        while let (Some(name), Some(value)) = (children.next(), children.next()) {
            if let Some(name) = self.node(name) {
                members.push((self.string(name), value));
            }
        }
        members.into_sorted_vec()
    }

    fn value(&self, index: usize) -> Value {
        self.node(index).map_or(Value::Absent, |node| Value::Json(self.text_of(node).to_vec()))
    }
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    nodes: Vec<Node>,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<(), NotJson> {
        self.lexer.skip_space();
        match self.lexer.peek() {
            Some(b'{') => self.within(Kind::Object, b'}', depth),
            Some(b'[') => self.within(Kind::List, b']', depth),
            Some(b'"') => self.leaf(Kind::String),
            Some(b't') => self.leaf(Kind::True),
            Some(b'f') => self.leaf(Kind::False),
            Some(b'n') => self.leaf(Kind::Null),
            _ => self.leaf(Kind::Number),
        }
    }

    fn within(&mut self, kind: Kind, end: u8, depth: usize) -> Result<(), NotJson> {
        if depth >= MAX_DEPTH {
            return Err(NotJson);
        }
        let node = self.begin(kind);
        self.lexer.skip();
        self.lexer.skip_space();
        if !self.lexer.take(end) {
            loop {
                if kind == Kind::Object {
                    self.lexer.skip_space();
                    if self.lexer.peek() != Some(b'"') {
                        return Err(NotJson);
                    }
                    self.leaf(Kind::String)?;
                    self.lexer.skip_space();
                    if !self.lexer.take(b':') {
                        return Err(NotJson);
                    }
                }
                self.value(depth + 1)?;
                self.lexer.skip_space();
                if self.lexer.take(end) {
                    break;
                }
                if !self.lexer.take(b',') {
                    return Err(NotJson);
                }
            }
        }
        self.end(node);
        Ok(())
    }

    fn leaf(&mut self, kind: Kind) -> Result<(), NotJson> {
        let node = self.begin(kind);
        self.lexer.scalar()?;
        self.end(node);
        Ok(())
    }

    fn begin(&mut self, kind: Kind) -> usize {
        let start = self.position();
        self.nodes.push(Node { kind, start, end: start, next: 0 });
        self.nodes.len() - 1
    }

    fn end(&mut self, index: usize) {
        let (end, next) = (self.position(), u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        if let Some(node) = self.nodes.get_mut(index) {
            (node.end, node.next) = (end, next);
        }
    }

    fn position(&self) -> u32 {
        u32::try_from(self.lexer.at()).unwrap_or(u32::MAX)
    }
}

/// A node of one of the trees.
type At<'t, 'a> = (&'t Tree<'a>, usize);

struct Comparison<'c, 'a> {
    ignore: &'c [Pointer],
    /// The way from the whole document to the values that are compared.
    way: Vec<Step<'a>>,
    differences: &'c mut Differences,
}

enum Step<'a> {
    /// The text of a name.
    Member(Cow<'a, [u8]>),
    Element(usize),
}

impl<'a> Comparison<'_, 'a> {
    fn values(&mut self, a: At<'_, 'a>, b: At<'_, 'a>, place: Place) {
        let (Some(left), Some(right)) = (a.0.node(a.1), b.0.node(b.1)) else { return };
        let same = match (left.kind, right.kind) {
            (Kind::Object, Kind::Object) => return self.objects(a, b, place),
            (Kind::List, Kind::List) => return self.lists(a, b, place),
            (Kind::String, Kind::String) => same_string(a.0, left, b.0, right),
            (Kind::Number, Kind::Number) => number::equal(a.0.text_of(left), b.0.text_of(right)),
            (left, right) => left == right,
        };
        if !same {
            self.differ(Some(a), Some(b));
        }
    }

    fn objects(&mut self, a: At<'_, 'a>, b: At<'_, 'a>, place: Place) {
        // Mostly both sides have the same names in the same order.
        if a.0.names(a.1).eq(b.0.names(b.1)) {
            let mut members = a.0.children(a.1).zip(b.0.children(b.1));
            while let (Some((name, _)), Some((one, other))) = (members.next(), members.next()) {
                let name = a.0.node(name).map(|name| a.0.string(name)).unwrap_or_default();
                self.member(name, place, Some((a.0, one)), Some((b.0, other)));
            }
            return;
        }
        let mut left = a.0.members(a.1).into_iter().peekable();
        let mut right = b.0.members(b.1).into_iter().peekable();
        while !self.differences.is_full(difference::Kind::Body) {
            // The smaller name first; it is missing on the other side.
            let order = match (left.peek(), right.peek()) {
                (Some((left, _)), Some((right, _))) => left.cmp(right),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return,
            };
            let one = left.next_if(|_| order.is_le());
            let other = right.next_if(|_| order.is_ge());
            let Some(name) = one.as_ref().or(other.as_ref()).map(|(name, _)| name.clone()) else { return };
            let (one, other) = (one.map(|(_, index)| (a.0, index)), other.map(|(_, index)| (b.0, index)));
            self.member(name, place, one, other);
        }
    }

    fn member(
        &mut self,
        name: Cow<'a, [u8]>,
        place: Place,
        one: Option<At<'_, 'a>>,
        other: Option<At<'_, 'a>>,
    ) {
        let inner = json::follow(self.ignore, place.alive, self.way.len(), |token| token.is_member(&name));
        self.within(Step::Member(name), inner, one, other);
    }

    fn lists(&mut self, a: At<'_, 'a>, b: At<'_, 'a>, place: Place) {
        let (mut left, mut right) = (a.0.children(a.1), b.0.children(b.1));
        for index in 0.. {
            let one = left.next().map(|index| (a.0, index));
            let other = right.next().map(|index| (b.0, index));
            if one.is_none() && other.is_none() || self.differences.is_full(difference::Kind::Body) {
                return;
            }
            let inner =
                json::follow(self.ignore, place.alive, self.way.len(), |token| token.is_element(index));
            self.within(Step::Element(index), inner, one, other);
        }
    }

    /// A member or element of at least one side.
    fn within(&mut self, step: Step<'a>, place: Place, one: Option<At<'_, 'a>>, other: Option<At<'_, 'a>>) {
        if place.hit {
            return;
        }
        self.way.push(step);
        match (one, other) {
            (Some(one), Some(other)) => self.values(one, other, place),
            (one, other) => self.differ(one, other),
        }
        self.way.pop();
    }

    fn differ(&mut self, one: Option<At>, other: Option<At>) {
        let value = |at: Option<At>| at.map_or(Value::Absent, |(tree, index)| tree.value(index));
        let way = &self.way;
        self.differences.note(difference::Kind::Body, || Difference {
            at: pointer(way),
            primary: value(one),
            shadow: value(other),
        });
    }
}

fn same_string(one: &Tree, a: &Node, other: &Tree, b: &Node) -> bool {
    one.text_of(a) == other.text_of(b) || one.string(a) == other.string(b)
}

/// A way as a JSON pointer.
fn pointer(way: &[Step]) -> String {
    let mut pointer = String::new();
    for step in way {
        pointer.push('/');
        match step {
            Step::Element(index) => pointer.push_str(&index.to_string()),
            Step::Member(name) => {
                for character in String::from_utf8_lossy(name).chars() {
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

#[cfg(test)]
mod tests;
