// SPDX-License-Identifier: Apache-2.0
//! A text with its values, each in front of those within it. A member's value comes right behind its name.

use std::task::Poll;

use crate::compare::difference::SideValue;
use crate::json::{Container, Event, Name, NotJson, Scalar, Spelling, Walk};

/// Deepest nesting that is read: what is deeper is not taken for JSON.
pub const MAX_DEPTH: usize = 128;
/// Work of a value beside reading it.
const NODE: usize = 8;
/// Values of a segment. The first grows up to it; more of them never means to move those that are there.
const SEGMENT: usize = 1024;

/// Reads a text in steps.
#[derive(Debug)]
pub struct TreeBuilder {
    walk: Walk,
    /// The innermost object or list that is open, if any is. Its own parent is where it will have `next`.
    open: u32,
    tree: Tree,
}

/// Why there is no tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeError {
    NotJson,
    OutOfMemory,
}

#[derive(Debug, Default)]
struct Tree {
    segments: Vec<Vec<TreeNode>>,
    len: u32,
}

#[derive(Debug, Clone, Copy)]
pub struct TreeNode {
    pub kind: NodeKind,
    /// A string with escapes.
    pub escaped: bool,
    /// Where its text is.
    start: u32,
    end: u32,
    /// The index behind its last descendant.
    pub next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    Object,
    List,
    String,
    Number,
    True,
    False,
    Null,
}

/// A text and its values.
#[derive(Debug, Clone, Copy)]
pub struct View<'t> {
    text: &'t [u8],
    tree: &'t Tree,
}

impl Default for TreeBuilder {
    fn default() -> Self {
        Self { walk: Walk::new(MAX_DEPTH), open: u32::MAX, tree: Tree::default() }
    }
}

impl TreeBuilder {
    /// Reads on in the text, the same at each step.
    ///
    /// # Errors
    /// If it is not JSON, or there is no memory for its values.
    pub fn step(&mut self, text: &[u8], work: &mut usize) -> Result<Poll<()>, TreeError> {
        let mut until = self.walk.at().saturating_add(*work);
        let done = loop {
            let event = match self.walk.event(text, until)? {
                Poll::Ready(Some(event)) => event,
                done => break done.map(drop),
            };
            let (kind, escaped) = match event {
                Event::Open(container) => (container.into(), false),
                Event::Name => (NodeKind::String, self.walk.name(text).spelling != Spelling::Plain),
                Event::Scalar(Scalar::String(spelling)) => (NodeKind::String, spelling != Spelling::Plain),
                Event::Scalar(Scalar::Number) => (NodeKind::Number, false),
                Event::Scalar(Scalar::True) => (NodeKind::True, false),
                Event::Scalar(Scalar::False) => (NodeKind::False, false),
                Event::Scalar(Scalar::Null) => (NodeKind::Null, false),
                Event::Close => {
                    until = until.saturating_sub(NODE);
                    self.close();
                    continue;
                }
            };
            until = until.saturating_sub(NODE);
            let (start, end) = self.walk.span();
            let (start, end) = (to_index(start)?, to_index(end)?);
            let index = self.tree.len;
            let mut next = index.saturating_add(1);
            if let Event::Open(_) = event {
                next = std::mem::replace(&mut self.open, index);
            }
            self.tree.push(TreeNode { kind, escaped, start, end, next })?;
        };
        *work = until.saturating_sub(self.walk.at());
        Ok(done)
    }

    /// The text with its values, once it was read.
    pub fn view<'t>(&'t self, text: &'t [u8]) -> View<'t> {
        View { text, tree: &self.tree }
    }

    /// Bytes that are allocated for it.
    pub fn held_bytes(&self) -> usize {
        let last = self.tree.segments.last().map_or(0, Vec::capacity);
        let full = self.tree.segments.len().saturating_sub(1) * SEGMENT;
        (full + last) * size_of::<TreeNode>() + self.tree.segments.capacity() * size_of::<Vec<TreeNode>>()
    }

    fn close(&mut self) {
        let (_, end) = self.walk.span();
        let next = self.tree.len;
        if let Some(node) = self.tree.get_mut(self.open) {
            self.open = node.next;
            (node.end, node.next) = (end as u32, next);
        }
    }
}

impl Tree {
    fn push(&mut self, node: TreeNode) -> Result<(), TreeError> {
        let room = self.len as usize % SEGMENT;
        if room == 0 {
            self.segments.try_reserve(1)?;
            let mut segment = Vec::new();
            segment.try_reserve_exact(if self.len == 0 { 8 } else { SEGMENT })?;
            self.segments.push(segment);
        }
        if let Some(segment) = self.segments.last_mut() {
            if segment.len() == segment.capacity() {
                segment.try_reserve(1)?;
            }
            segment.push(node);
        }
        self.len += 1;
        Ok(())
    }

    #[inline]
    fn get(&self, index: u32) -> Option<&TreeNode> {
        self.segments.get(index as usize / SEGMENT)?.get(index as usize % SEGMENT)
    }

    fn get_mut(&mut self, index: u32) -> Option<&mut TreeNode> {
        self.segments.get_mut(index as usize / SEGMENT)?.get_mut(index as usize % SEGMENT)
    }
}

impl<'t> View<'t> {
    pub fn node(self, index: u32) -> Option<&'t TreeNode> {
        self.tree.get(index)
    }

    pub fn text_of(self, node: &TreeNode) -> &'t [u8] {
        self.text.get(node.start as usize..node.end as usize).unwrap_or_default()
    }

    /// What is between the quotes of a string.
    pub fn spelled(self, node: &TreeNode) -> &'t [u8] {
        let quoted = self.text_of(node);
        quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()
    }

    /// A string as a name.
    pub fn name(self, index: u32) -> Name<'t> {
        self.node(index).map_or(Name { spelled: b"", spelling: Spelling::Plain }, |node| Name {
            spelled: self.spelled(node),
            spelling: if node.escaped { Spelling::Escaped } else { Spelling::Plain },
        })
    }

    /// A value as a difference lists it.
    pub fn value(self, index: u32) -> SideValue {
        self.node(index).map_or(SideValue::Absent, |node| SideValue::json(self.text_of(node)))
    }
}

fn to_index(at: usize) -> Result<u32, TreeError> {
    u32::try_from(at).map_err(|_| TreeError::NotJson)
}

impl From<NotJson> for TreeError {
    fn from(_: NotJson) -> Self {
        Self::NotJson
    }
}

impl From<std::collections::TryReserveError> for TreeError {
    fn from(_: std::collections::TryReserveError) -> Self {
        Self::OutOfMemory
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
