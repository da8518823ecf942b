// SPDX-License-Identifier: Apache-2.0
//! One number for a value, equal exactly if the values are: by the rules under which they are compared, in steps of bounded
//! work.
//!
//! What may be in any order is summed up: the sums of two different multisets of hashes, each as good as random, are the same by
//! chance alone. A hash that one has 2^k times more often makes that chance 2^k times greater, and a body has a
//! million elements at most.

use std::task::Poll;

use super::NoMemory;
use super::members::Members;
use super::scalar_hash::ScalarHash;
use super::treatment::{Treatment, TreatmentWithin};
use super::tree::{NodeKind, View};
use crate::compare::hash::{HashKey, HashTag};
use crate::compare::rules::Rules;

/// Work of a value beside reading it, and of asking one pointer about it.
const VALUE: usize = 48;
const POINTER: usize = 8;

/// The hash of a value, as far as it was found.
#[derive(Debug, Default)]
pub struct Fingerprint {
    frames: Vec<HashFrame>,
    scalar: Option<(ScalarHash, Purpose)>,
    /// How many objects and lists are around the value.
    depth: usize,
    found: Option<u128>,
}

#[derive(Debug)]
struct HashFrame {
    kind: Collection,
    rest: Members,
    within: TreatmentWithin,
    /// Of the next element.
    index: usize,
    /// The hash of the name whose value is next.
    name: u128,
    sum: u128,
    count: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collection {
    Object,
    List,
    Multiset,
}

/// What the hash of a scalar is for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Value,
    /// It is the name of the member whose value is this node.
    Name(u32, Treatment),
}

/// What a value is hashed by.
#[derive(Debug, Clone, Copy)]
pub struct HashContext<'r> {
    pub rules: &'r Rules,
    pub key: HashKey,
}

impl Fingerprint {
    /// Begins with a value that has so many objects and lists around it.
    pub fn begin(
        &mut self,
        context: HashContext,
        view: View,
        node: u32,
        treatment: Treatment,
        depth: usize,
    ) -> Result<(), NoMemory> {
        self.depth = depth;
        self.found = None;
        self.value(context, view, node, treatment)
    }

    /// Continues with the value that was begun.
    pub fn step(
        &mut self,
        context: HashContext,
        view: View,
        work: &mut usize,
    ) -> Result<Poll<u128>, NoMemory> {
        loop {
            if let Some(found) = self.found {
                return Ok(Poll::Ready(found));
            }
            if *work == 0 {
                return Ok(Poll::Pending);
            }
            if let Some((scalar, purpose)) = &mut self.scalar {
                let Poll::Ready(hash) = scalar.step(context.key, view, work) else {
                    return Ok(Poll::Pending);
                };
                let purpose = *purpose;
                self.scalar = None;
                match purpose {
                    Purpose::Value => self.give(context.key, hash),
                    Purpose::Name(node, treatment) => {
                        if let Some(frame) = self.frames.last_mut() {
                            frame.name = hash;
                        }
                        self.value(context, view, node, treatment)?;
                    }
                }
                continue;
            }
            *work = work.saturating_sub(VALUE);
            let Some(frame) = self.frames.last_mut() else {
                // There is always a value until it was found.
                self.found = Some(0);
                continue;
            };
            *work = work.saturating_sub(frame.within.asked() * POINTER);
            if frame.kind == Collection::Object {
                if let Some(name) = frame.rest.take(view) {
                    let treatment = frame.within.member(context.rules, view, name);
                    if !treatment.is_ignored() {
                        self.scalar = Some((ScalarHash::new(name), Purpose::Name(name + 1, treatment)));
                    }
                    continue;
                }
            } else if let Some(node) = frame.rest.take_element(view) {
                let treatment = frame.within.element(context.rules, frame.index);
                frame.index += 1;
                if !treatment.is_ignored() {
                    self.value(context, view, node, treatment)?;
                }
                continue;
            }
            if let Some(frame) = self.frames.pop() {
                self.give(context.key, frame.hash(context.key));
            }
        }
    }

    pub fn held_bytes(&self) -> usize {
        self.frames.capacity() * size_of::<HashFrame>()
    }

    /// A value is next.
    fn value(
        &mut self,
        context: HashContext,
        view: View,
        node: u32,
        treatment: Treatment,
    ) -> Result<(), NoMemory> {
        let Some(found) = view.node(node) else { return Ok(()) };
        let kind = match found.kind {
            NodeKind::Object => Collection::Object,
            NodeKind::List if treatment.is_unordered() => Collection::Multiset,
            NodeKind::List => Collection::List,
            NodeKind::String | NodeKind::Number => {
                self.scalar = Some((ScalarHash::new(node), Purpose::Value));
                return Ok(());
            }
            scalar => {
                let tag = match scalar {
                    NodeKind::True => HashTag::True,
                    NodeKind::False => HashTag::False,
                    _ => HashTag::Null,
                };
                self.give(context.key, context.key.of(tag, &[]));
                return Ok(());
            }
        };
        let within = treatment.within(context.rules, found.kind, self.depth + self.frames.len());
        self.frames.try_reserve(1).map_err(|_| NoMemory)?;
        let rest = Members { next: node + 1, end: found.next };
        self.frames.push(HashFrame { kind, rest, within, index: 0, name: 0, sum: 0, count: 0 });
        Ok(())
    }

    /// The hash of a value was found.
    fn give(&mut self, key: HashKey, hash: u128) {
        match self.frames.last_mut() {
            Some(frame) => frame.take(key, hash),
            None => self.found = Some(hash),
        }
    }
}

impl HashFrame {
    fn take(&mut self, key: HashKey, hash: u128) {
        self.count += 1;
        match self.kind {
            Collection::Object => {
                self.sum = self.sum.wrapping_add(key.of(HashTag::Member, &[self.name, hash]));
            }
            // Elements that are ignored keep their places.
            Collection::List => self.sum = key.of(HashTag::Element, &[self.sum, self.index as u128, hash]),
            Collection::Multiset => self.sum = self.sum.wrapping_add(hash),
        }
    }

    fn hash(&self, key: HashKey) -> u128 {
        let tag = match self.kind {
            Collection::Object => HashTag::Object,
            Collection::List => HashTag::List,
            Collection::Multiset => HashTag::Multiset,
        };
        key.of(tag, &[self.count, self.sum])
    }
}
