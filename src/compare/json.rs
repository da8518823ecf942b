// SPDX-License-Identifier: Apache-2.0
//! Where two JSON texts differ: keys in any order, lists in theirs, numbers by their value, strings by their characters.

use std::borrow::Cow;
use std::collections::BinaryHeap;

use super::difference::{Difference, DifferenceKind, Differences, SideValue};
use super::number;
use crate::json::pointer::{self, PointerMatch};
use crate::json::{Container, Event, Pointer, Scalar, Walk, unescaped_with_halves};

/// Deepest nesting that is read: what is deeper is not taken for JSON.
const MAX_DEPTH: usize = 128;

/// A text with its values, each in front of those within it. A member's value comes right behind its name.
pub struct Tree<'a> {
    text: &'a [u8],
    nodes: Vec<TreeNode>,
}

struct TreeNode {
    kind: NodeKind,
    /// Where its text is.
    start: u32,
    end: u32,
    /// The index behind its last descendant.
    next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeKind {
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
        let mut walk = Walk::new(text, MAX_DEPTH).ok()?;
        let mut tree = Self { text, nodes: Vec::new() };
        let mut open = Vec::new();
        while let Some(event) = walk.event().ok()? {
            let (start, end) = walk.span();
            let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
            match event {
                Event::Open(container) => {
                    open.push(tree.nodes.len());
                    tree.push(container.into(), start, end);
                }
                Event::Close => tree.close(open.pop()?, end),
                Event::Name(_) => tree.push(NodeKind::String, start, end),
                Event::Scalar(scalar) => tree.push(scalar.into(), start, end),
            }
        }
        Some(tree)
    }

    fn push(&mut self, kind: NodeKind, start: u32, end: u32) {
        let next = self.next_index().saturating_add(1);
        self.nodes.push(TreeNode { kind, start, end, next });
    }

    fn close(&mut self, index: usize, end: u32) {
        let next = self.next_index();
        if let Some(node) = self.nodes.get_mut(index) {
            (node.end, node.next) = (end, next);
        }
    }

    fn next_index(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    /// Compares two texts, and notes where they differ. Leaves out what is under the pointers, whichever text it is in.
    pub fn compare(&self, other: &Tree<'a>, ignore: &[Pointer], differences: &mut Differences) {
        let place = pointer::start(ignore);
        if !place.hit {
            let mut comparison = Comparison { ignore, way: Vec::new(), differences };
            comparison.values((self, 0), (other, 0), place);
        }
    }

    fn node(&self, index: usize) -> Option<&TreeNode> {
        self.nodes.get(index)
    }

    fn text_of(&self, node: &TreeNode) -> &'a [u8] {
        self.text.get(node.start as usize..node.end as usize).unwrap_or_default()
    }

    fn text_at(&self, index: usize) -> &'a [u8] {
        self.node(index).map_or(&[], |node| self.text_of(node))
    }

    /// The characters of a string. Half of a surrogate pair is none, and equal to itself alone.
    fn string(&self, node: &TreeNode) -> Cow<'a, [u8]> {
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

    fn value(&self, index: usize) -> SideValue {
        self.node(index).map_or(SideValue::Absent, |node| SideValue::Json(self.text_of(node).to_vec()))
    }
}

impl From<Container> for NodeKind {
    fn from(container: Container) -> Self {
        match container {
            Container::Object => Self::Object,
            Container::List => Self::List,
        }
    }
}

impl From<Scalar> for NodeKind {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::String => Self::String,
            Scalar::Number => Self::Number,
            Scalar::True => Self::True,
            Scalar::False => Self::False,
            Scalar::Null => Self::Null,
        }
    }
}

/// A node of one of the trees.
type At<'t, 'a> = (&'t Tree<'a>, usize);

struct Comparison<'c, 'a> {
    ignore: &'c [Pointer],
    /// The way from the whole document to the values that are compared.
    way: Vec<PathPart<'a>>,
    differences: &'c mut Differences,
}

enum PathPart<'a> {
    /// The text of a name.
    Member(Cow<'a, [u8]>),
    Element(usize),
}

impl<'a> Comparison<'_, 'a> {
    fn values(&mut self, a: At<'_, 'a>, b: At<'_, 'a>, place: PointerMatch) {
        let (Some(left), Some(right)) = (a.0.node(a.1), b.0.node(b.1)) else { return };
        let same = match (left.kind, right.kind) {
            (NodeKind::Object, NodeKind::Object) => return self.objects(a, b, place),
            (NodeKind::List, NodeKind::List) => return self.lists(a, b, place),
            (NodeKind::String, NodeKind::String) => same_string(a.0, left, b.0, right),
            (NodeKind::Number, NodeKind::Number) => number::equal(a.0.text_of(left), b.0.text_of(right)),
            (left, right) => left == right,
        };
        if !same {
            self.differ(Some(a), Some(b));
        }
    }

    fn objects(&mut self, a: At<'_, 'a>, b: At<'_, 'a>, place: PointerMatch) {
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
        while !self.differences.is_full(DifferenceKind::Body) {
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
        place: PointerMatch,
        one: Option<At<'_, 'a>>,
        other: Option<At<'_, 'a>>,
    ) {
        let inner = pointer::follow(self.ignore, place.alive, self.way.len(), |token| token.is_member(&name));
        self.within(PathPart::Member(name), inner, one, other);
    }

    fn lists(&mut self, a: At<'_, 'a>, b: At<'_, 'a>, place: PointerMatch) {
        let (mut left, mut right) = (a.0.children(a.1), b.0.children(b.1));
        for index in 0.. {
            let one = left.next().map(|index| (a.0, index));
            let other = right.next().map(|index| (b.0, index));
            if one.is_none() && other.is_none() || self.differences.is_full(DifferenceKind::Body) {
                return;
            }
            let inner =
                pointer::follow(self.ignore, place.alive, self.way.len(), |token| token.is_element(index));
            self.within(PathPart::Element(index), inner, one, other);
        }
    }

    /// A member or element of at least one side.
    fn within(
        &mut self,
        step: PathPart<'a>,
        place: PointerMatch,
        one: Option<At<'_, 'a>>,
        other: Option<At<'_, 'a>>,
    ) {
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
        let value = |at: Option<At>| at.map_or(SideValue::Absent, |(tree, index)| tree.value(index));
        let way = &self.way;
        self.differences.note(DifferenceKind::Body, || Difference {
            at: pointer_to(way),
            primary: value(one),
            shadow: value(other),
        });
    }
}

fn same_string(one: &Tree, a: &TreeNode, other: &Tree, b: &TreeNode) -> bool {
    one.text_of(a) == other.text_of(b) || one.string(a) == other.string(b)
}

/// A way as a JSON pointer.
fn pointer_to(way: &[PathPart]) -> String {
    let mut pointer = String::new();
    for step in way {
        pointer.push('/');
        match step {
            PathPart::Element(index) => pointer.push_str(&index.to_string()),
            PathPart::Member(name) => {
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
