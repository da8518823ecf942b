// SPDX-License-Identifier: Apache-2.0
//! Compares two trees in steps of bounded work: what is open is a list with a bound, not a stack of calls.

use std::task::Poll;

use super::NoMemory;
use super::fingerprint::HashContext;
use super::members::{Members, NameOrder, Sorting};
use super::multisets::Multisets;
use super::pairing::{Paired, Pairing};
use super::path::{PathPart, pointer_to};
use super::treatment::{Treatment, TreatmentWithin};
use super::tree::{NodeKind, View};
use crate::compare::difference::{Difference, DifferenceKind, SideValue};
use crate::compare::findings::Findings;
use crate::compare::noise::{NAME_TOLD, Place};
use crate::compare::number::NumberComparison;
use crate::compare::order::StringOrder;
use crate::compare::rules::Rules;
use crate::json::Characters;

/// Work of a pair of values, and of asking one pointer about it.
const PAIR: usize = 24;
const POINTER: usize = 8;
/// Scalars up to this length are compared at once.
const SHORT: usize = 64;

/// A comparison that has begun.
#[derive(Debug, Default)]
pub struct TreeComparison {
    /// The objects and lists that are open on both sides.
    frames: Vec<Frame>,
    scalars: Option<([u32; 2], ScalarOrder)>,
    names: NameOrder,
}

/// Two objects or two lists.
#[derive(Debug)]
struct Frame {
    /// The one of the primary.
    node: u32,
    /// Whether everything in it is noise.
    covered: bool,
    /// How what is in it is compared.
    within: TreatmentWithin,
    /// What of it is compared now.
    part: PathPart,
    pairing: Pairing,
}

#[derive(Debug)]
enum ScalarOrder {
    Strings(StringOrder),
    Numbers(NumberComparison),
}

impl TreeComparison {
    /// Notes where the texts differ, one after the other. Leaves out what is ignored, whichever text it is in.
    pub fn begin(
        sides: [View; 2],
        rules: &Rules,
        findings: &mut Findings,
        work: &mut usize,
    ) -> Result<Self, NoMemory> {
        let mut comparison = Self::default();
        let treatment = Treatment::start(rules);
        if !treatment.is_ignored() {
            comparison.pair(sides, [0, 0], treatment, rules, findings, work)?;
        }
        Ok(comparison)
    }

    /// Continues: with the same texts, rules, key and findings as it began.
    pub fn step(
        &mut self,
        sides: [View; 2],
        context: HashContext,
        findings: &mut Findings,
        work: &mut usize,
    ) -> Result<Poll<()>, NoMemory> {
        while !findings.is_full(DifferenceKind::Body) {
            if *work == 0 {
                return Ok(Poll::Pending);
            }
            if let Some((nodes, order)) = &mut self.scalars {
                let Poll::Ready(same) = order.step(sides, *nodes, work) else { return Ok(Poll::Pending) };
                let nodes = *nodes;
                self.scalars = None;
                if !same {
                    self.differ(sides, nodes.map(Some), findings, work);
                }
                continue;
            }
            let Some(frame) = self.frames.last_mut() else { return Ok(Poll::Ready(())) };
            let next = frame.pairing.next(sides, context, &mut self.names, work)?;
            *work = work.saturating_sub(PAIR + frame.within.asked() * POINTER);
            let (part, nodes) = match next {
                Paired::Values(part, nodes) => (part, nodes),
                Paired::Nothing => continue,
                Paired::Pending => return Ok(Poll::Pending),
                Paired::Lone(nodes) => {
                    frame.part = PathPart::Here;
                    self.differ(sides, nodes, findings, work);
                    continue;
                }
                Paired::End => {
                    self.frames.pop();
                    continue;
                }
            };
            frame.part = part;
            let rules = context.rules;
            let treatment = match part {
                PathPart::Element(index) => frame.within.element(rules, index),
                PathPart::Member { side, name } => {
                    let [primary, shadow] = sides;
                    frame.within.member(rules, if side == 0 { primary } else { shadow }, name)
                }
                PathPart::Here => continue,
            };
            match nodes {
                _ if treatment.is_ignored() => {}
                [Some(one), Some(other)] => {
                    self.pair(sides, [one, other], treatment, rules, findings, work)?;
                }
                nodes => self.differ(sides, nodes, findings, work),
            }
        }
        Ok(Poll::Ready(()))
    }

    /// Bytes that are allocated for it.
    pub fn held_bytes(&self) -> usize {
        let sorted = self.frames.iter().map(|frame| match &frame.pairing {
            Pairing::Sort(sides) | Pairing::Merge(sides) => sides.iter().map(Sorting::held_bytes).sum(),
            Pairing::Multisets(lists) => lists.held_bytes(),
            _ => 0,
        });
        self.frames.capacity() * size_of::<Frame>() + sorted.sum::<usize>()
    }

    /// Compares two values, as far as that is a matter of a moment.
    fn pair(
        &mut self,
        sides: [View; 2],
        nodes: [u32; 2],
        treatment: Treatment,
        rules: &Rules,
        findings: &mut Findings,
        work: &mut usize,
    ) -> Result<(), NoMemory> {
        let [a, b] = sides;
        let (Some(left), Some(right)) = (a.node(nodes[0]), b.node(nodes[1])) else { return Ok(()) };
        let within = || {
            [(nodes[0], left), (nodes[1], right)].map(|(at, node)| Members { next: at + 1, end: node.next })
        };
        let short = || {
            let (left, right) = (a.text_of(left), b.text_of(right));
            left.len() <= SHORT && left == right
        };
        let depth = self.frames.len();
        let inner = || treatment.within(rules, left.kind, depth);
        match (left.kind, right.kind) {
            (NodeKind::Object, NodeKind::Object) => {
                let names = Pairing::Names { all: within(), rest: within() };
                self.open(nodes[0], inner(), names, findings)?;
            }
            (NodeKind::List, NodeKind::List) if treatment.is_unordered() => {
                let lists = Multisets::new(within(), inner(), depth + 1);
                self.open(nodes[0], inner(), Pairing::Multisets(Box::new(lists)), findings)?;
            }
            (NodeKind::List, NodeKind::List) => {
                self.open(nodes[0], inner(), Pairing::Elements(within(), 0), findings)?;
            }
            (NodeKind::String, NodeKind::String) if short() => {}
            (NodeKind::String, NodeKind::String)
                if left.escaped || right.escaped || a.text_of(left).len() == b.text_of(right).len() =>
            {
                self.scalars = Some((nodes, ScalarOrder::Strings(StringOrder::default())));
            }
            (NodeKind::Number, NodeKind::Number) if short() => {}
            (NodeKind::Number, NodeKind::Number) => {
                self.scalars = Some((nodes, ScalarOrder::Numbers(NumberComparison::default())));
            }
            (kind, other) if kind == other && kind != NodeKind::String => {}
            _ => self.differ(sides, nodes.map(Some), findings, work),
        }
        Ok(())
    }

    fn open(
        &mut self,
        node: u32,
        within: TreatmentWithin,
        pairing: Pairing,
        findings: &Findings,
    ) -> Result<(), NoMemory> {
        self.frames.try_reserve(1).map_err(|_| NoMemory)?;
        let covered = self.is_covered() || findings.covers(node);
        self.frames.push(Frame { node, covered, within, part: PathPart::Here, pairing });
        Ok(())
    }

    fn is_covered(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.covered)
    }

    fn differ(&self, sides: [View; 2], nodes: [Option<u32>; 2], findings: &mut Findings, work: &mut usize) {
        let [a, b] = sides;
        let value = |view: View, node: Option<u32>| node.map_or(SideValue::Absent, |index| view.value(index));
        let mut name = Vec::new();
        let place = match (nodes, self.frames.last()) {
            (_, None) => Place::Body,
            ([Some(node), Some(_)], _) => Place::Value { node, list: None },
            (nodes, Some(frame)) => match (frame.part, nodes[0]) {
                (PathPart::Element(_) | PathPart::Here, Some(node)) => {
                    Place::Value { node, list: Some(frame.node) }
                }
                (PathPart::Element(_) | PathPart::Here, None) => Place::Element { list: frame.node },
                (PathPart::Member { .. }, Some(node)) => Place::Value { node, list: None },
                (PathPart::Member { name: index, .. }, None) => {
                    let mut characters = Characters::default();
                    let spelled = b.name(index).spelled;
                    name.extend(std::iter::from_fn(|| characters.next(spelled)).take(NAME_TOLD));
                    Place::Member { object: frame.node, name: &name }
                }
            },
        };
        findings.note(DifferenceKind::Body, place, self.is_covered(), work, || Difference {
            at: pointer_to(self.frames.iter().map(|frame| frame.part), sides),
            primary: value(a, nodes[0]),
            shadow: value(b, nodes[1]),
        });
    }
}

impl ScalarOrder {
    /// Whether they are the same.
    fn step(&mut self, [a, b]: [View; 2], nodes: [u32; 2], work: &mut usize) -> Poll<bool> {
        let (Some(left), Some(right)) = (a.node(nodes[0]), b.node(nodes[1])) else {
            return Poll::Ready(true);
        };
        match self {
            Self::Strings(order) => {
                let escaped = left.escaped || right.escaped;
                order.step(a.spelled(left), b.spelled(right), escaped, work).map(std::cmp::Ordering::is_eq)
            }
            Self::Numbers(numbers) => numbers.step(a.text_of(left), b.text_of(right), work),
        }
    }
}
