// SPDX-License-Identifier: Apache-2.0
//! The body of one answer while it is compared: decoded, and taken apart if it is JSON.

use std::task::Poll;

use super::Observed;
use super::difference::SideValue;
use super::json::{NoMemory, TreeBuilder, TreeError, View};
use crate::http::encoding::Decoding;

/// What was made of the body of one answer.
#[derive(Debug, Default)]
pub struct BodySide {
    decoding: Option<Decoding>,
    is_decoded: bool,
    tree: BodyTree,
}

#[derive(Debug, Default)]
enum BodyTree {
    #[default]
    None,
    Reading(Box<TreeBuilder>),
    Read(Box<TreeBuilder>),
    NotJson,
}

impl BodySide {
    /// `false` if the body is not there, longer than the limit, or encoded in a way that is not known.
    pub fn begin(&mut self, answer: &Observed, limit: usize) -> bool {
        if self.is_decoded {
            return true;
        }
        let body = answer.body.as_deref();
        self.decoding = body.and_then(|body| Decoding::begin(&answer.headers, body, limit));
        self.decoding.is_some()
    }

    /// Continues decoding. `false` if that is not possible.
    pub fn decode(&mut self, answer: &Observed, work: &mut usize) -> Poll<bool> {
        if self.is_decoded {
            return Poll::Ready(true);
        }
        let (Some(decoding), Some(body)) = (&mut self.decoding, &answer.body) else {
            return Poll::Ready(false);
        };
        let decoded = decoding.step(body, work);
        self.is_decoded = decoded == Poll::Ready(true);
        decoded
    }

    /// The body without its encoding.
    pub fn body<'a>(&'a self, answer: &'a Observed) -> &'a [u8] {
        let body = answer.body.as_deref().unwrap_or_default();
        self.decoding.as_ref().map_or(body, |decoding| decoding.decoded(body))
    }

    /// The decoded body will be read as JSON, if it was not.
    pub fn begin_tree(&mut self) {
        if let BodyTree::None = self.tree {
            self.tree = BodyTree::Reading(Box::default());
        }
    }

    pub fn read(&mut self, answer: &Observed, work: &mut usize) -> Result<Poll<()>, NoMemory> {
        let BodyTree::Reading(tree) = &mut self.tree else { return Ok(Poll::Ready(())) };
        let body = answer.body.as_deref().unwrap_or_default();
        let body = self.decoding.as_ref().map_or(body, |decoding| decoding.decoded(body));
        let read = tree.step(body, work);
        match read {
            Ok(Poll::Pending) => return Ok(Poll::Pending),
            Ok(Poll::Ready(())) => {
                if let BodyTree::Reading(tree) = std::mem::take(&mut self.tree) {
                    self.tree = BodyTree::Read(tree);
                }
            }
            Err(TreeError::NotJson) => self.tree = BodyTree::NotJson,
            Err(TreeError::OutOfMemory) => {
                self.tree = BodyTree::None;
                return Err(NoMemory);
            }
        }
        Ok(Poll::Ready(()))
    }

    /// The values of the body, if it is JSON.
    pub fn view<'a>(&'a self, answer: &'a Observed) -> Option<View<'a>> {
        match &self.tree {
            BodyTree::Read(tree) => Some(tree.view(self.body(answer))),
            _ => None,
        }
    }

    /// The whole body as a difference lists it.
    pub fn value(&self, answer: &Observed) -> SideValue {
        match self.view(answer) {
            Some(view) => view.value(0),
            None => SideValue::bytes(self.body(answer)),
        }
    }

    pub fn held_bytes(&self) -> usize {
        let tree = match &self.tree {
            BodyTree::Reading(tree) | BodyTree::Read(tree) => tree.held_bytes(),
            _ => 0,
        };
        tree + self.decoding.as_ref().map_or(0, Decoding::held_bytes)
    }
}

/// The bodies as they came, if they are within the limit, have the same encodings by their headers, and are as long.
pub fn encoded_alike<'a>(one: &'a Observed, other: &'a Observed, limit: usize) -> Option<[&'a [u8]; 2]> {
    const ENCODING: &str = "content-encoding";
    let bodies = [one.body.as_deref()?, other.body.as_deref()?];
    let alike = bodies[0].len() <= limit
        && bodies[0].len() == bodies[1].len()
        && one.headers.values(ENCODING).eq(other.headers.values(ENCODING));
    alike.then_some(bodies)
}
