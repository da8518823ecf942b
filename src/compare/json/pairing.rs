// SPDX-License-Identifier: Apache-2.0
//! Which members or elements of two objects or lists belong together.

use std::cmp::Ordering;
use std::task::Poll;

use super::NoMemory;
use super::fingerprint::HashContext;
use super::members::{Members, NameOrder, Sorting};
use super::multisets::{Lone, Multisets};
use super::path::PathPart;
use super::tree::View;

/// How members or elements are found that belong together.
#[derive(Debug)]
pub enum Pairing {
    Elements([Members; 2], usize),
    /// In any order.
    Multisets(Box<Multisets>),
    /// Mostly both sides have the same names in the same order: the names from the first one on, and those that are still to
    /// be looked at.
    Names {
        all: [Members; 2],
        rest: [Members; 2],
    },
    Members([Members; 2]),
    Sort(Box<[Sorting; 2]>),
    Merge(Box<[Sorting; 2]>),
}

/// What comes next of two objects or lists.
pub enum Paired {
    Pending,
    Nothing,
    End,
    Values(PathPart, [Option<u32>; 2]),
    /// An element that belongs to none of the other side, and has no place of its own.
    Lone([Option<u32>; 2]),
}

impl Pairing {
    pub fn next(
        &mut self,
        sides: [View; 2],
        context: HashContext,
        names: &mut NameOrder,
        work: &mut usize,
    ) -> Result<Paired, NoMemory> {
        let [a, b] = sides;
        Ok(match self {
            Self::Elements([left, right], index) => {
                let nodes = [left.take_element(a), right.take_element(b)];
                let part = PathPart::Element(*index);
                *index += 1;
                if nodes == [None, None] { Paired::End } else { Paired::Values(part, nodes) }
            }
            Self::Multisets(lists) => match lists.next(context, sides, work)? {
                Lone::Pending => Paired::Pending,
                Lone::Nothing => Paired::Nothing,
                Lone::End => Paired::End,
                Lone::Element(nodes) => Paired::Lone(nodes),
            },
            Self::Names { all, rest: [left, right] } => {
                let same = match (left.peek(), right.peek()) {
                    (None, None) => {
                        *self = Self::Members(*all);
                        return Ok(Paired::Nothing);
                    }
                    (Some(one), Some(other)) => match names.step((a, one), (b, other), work) {
                        Poll::Ready(order) => order.is_eq(),
                        Poll::Pending => return Ok(Paired::Pending),
                    },
                    _ => false,
                };
                if same {
                    let _ = (left.take(a), right.take(b));
                } else {
                    *self = Self::Sort(Box::new(all.map(Sorting::new)));
                }
                Paired::Nothing
            }
            Self::Members([left, right]) => match (left.take(a), right.take(b)) {
                (Some(name), Some(other)) => member(0, name, [Some(name), Some(other)]),
                _ => Paired::End,
            },
            Self::Sort(sorting) => {
                for (sorting, view) in sorting.iter_mut().zip(sides) {
                    if sorting.step(view, names, work)?.is_pending() {
                        return Ok(Paired::Pending);
                    }
                }
                if let Self::Sort(sorted) = std::mem::replace(self, Self::Elements([Members::NONE; 2], 0)) {
                    *self = Self::Merge(sorted);
                }
                Paired::Nothing
            }
            Self::Merge(sorted) => {
                let [left, right] = &mut **sorted;
                // The smaller name first; it is missing on the other side.
                let order = match (left.peek(), right.peek()) {
                    (Some(one), Some(other)) => match names.step((a, one), (b, other), work) {
                        Poll::Ready(order) => order,
                        Poll::Pending => return Ok(Paired::Pending),
                    },
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => return Ok(Paired::End),
                };
                let one = left.peek().filter(|_| order.is_le());
                let other = right.peek().filter(|_| order.is_ge());
                one.iter().for_each(|_| left.skip());
                other.iter().for_each(|_| right.skip());
                match (one, other) {
                    (Some(name), _) => member(0, name, [one, other]),
                    (None, name) => member(1, name.unwrap_or_default(), [one, other]),
                }
            }
        })
    }
}

/// The values behind two names.
fn member(side: usize, name: u32, names: [Option<u32>; 2]) -> Paired {
    Paired::Values(PathPart::Member { side, name }, names.map(|name| name.map(|name| name + 1)))
}
