// SPDX-License-Identifier: Apache-2.0
//! The members of an object by their names, sorted in steps of bounded work.

use std::task::Poll;

use super::NoMemory;
use super::tree::View;
use crate::compare::order::StringOrder;

/// Work of moving a name.
const MOVE: usize = 8;
/// Names up to this length are compared at once.
const SHORT: usize = 64;

/// The order of two names, which may take several steps to find. One comparison at a time.
#[derive(Debug, Default)]
pub struct NameOrder {
    started: Option<StringOrder>,
}

impl NameOrder {
    /// Names are given by the indexes of their nodes, the same until this is ready.
    pub fn step(
        &mut self,
        one: (View, u32),
        other: (View, u32),
        work: &mut usize,
    ) -> Poll<std::cmp::Ordering> {
        let (Some(left), Some(right)) = (one.0.node(one.1), other.0.node(other.1)) else {
            return Poll::Ready(one.1.cmp(&other.1));
        };
        let escaped = left.escaped || right.escaped;
        let (left, right) = (one.0.spelled(left), other.0.spelled(right));
        if !escaped && left.len().min(right.len()) <= SHORT {
            return Poll::Ready(left.cmp(right));
        }
        let order = self.started.get_or_insert_default().step(left, right, escaped, work);
        if order.is_ready() {
            self.started = None;
        }
        order
    }
}

/// Sorts the names of one object; repeated names stay in their order.
#[derive(Debug)]
pub struct Sorting {
    names: Members,
    /// Those that are still to be counted or collected.
    rest: Members,
    count: usize,
    stage: SortStage,
    /// Indexes of names, in sorted runs of `width`.
    from: Vec<u32>,
    /// Pairs of these runs, merged as far as `left` and `right` say.
    to: Vec<u32>,
    width: usize,
    start: usize,
    left: usize,
    right: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortStage {
    /// So that no list has to grow.
    Count,
    Collect,
    Merge,
    Sorted,
}

/// The names of an object, or the elements of a list, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Members {
    pub next: u32,
    pub end: u32,
}

impl Members {
    pub const NONE: Self = Self { next: 0, end: 0 };

    pub fn take_element(&mut self, view: View) -> Option<u32> {
        let element = self.peek()?;
        self.next = view.node(element)?.next;
        Some(element)
    }

    /// The index of the next name. That of its value is the one behind it.
    pub fn peek(&self) -> Option<u32> {
        (self.next < self.end).then_some(self.next)
    }

    pub fn take(&mut self, view: View) -> Option<u32> {
        let name = self.peek()?;
        self.next = view.node(name + 1)?.next;
        Some(name)
    }
}

impl Sorting {
    pub fn new(names: Members) -> Self {
        Self {
            names,
            rest: names,
            count: 0,
            stage: SortStage::Count,
            from: Vec::new(),
            to: Vec::new(),
            width: 1,
            start: 0,
            left: 0,
            right: 1,
        }
    }

    /// Continues; ready when the names are sorted.
    pub fn step(
        &mut self,
        view: View,
        order: &mut NameOrder,
        work: &mut usize,
    ) -> Result<Poll<()>, NoMemory> {
        while self.stage != SortStage::Sorted {
            if *work == 0 {
                return Ok(Poll::Pending);
            }
            *work = work.saturating_sub(MOVE);
            match self.stage {
                SortStage::Count => match self.rest.take(view) {
                    Some(_) => self.count += 1,
                    None => {
                        for list in [&mut self.from, &mut self.to] {
                            list.try_reserve_exact(self.count).map_err(|_| NoMemory)?;
                        }
                        (self.rest, self.stage) = (self.names, SortStage::Collect);
                    }
                },
                SortStage::Collect => match self.rest.take(view) {
                    Some(name) => self.from.push(name),
                    None => self.stage = SortStage::Merge,
                },
                SortStage::Merge if self.width >= self.from.len() => {
                    self.to = Vec::new();
                    (self.left, self.stage) = (0, SortStage::Sorted);
                }
                _ => {
                    if self.merge(view, order, work).is_pending() {
                        return Ok(Poll::Pending);
                    }
                }
            }
        }
        Ok(Poll::Ready(()))
    }

    /// The smallest name that was not skipped, once they are sorted.
    pub fn peek(&self) -> Option<u32> {
        self.from.get(self.left).copied()
    }

    pub fn skip(&mut self) {
        self.left += 1;
    }

    pub fn held_bytes(&self) -> usize {
        (self.from.capacity() + self.to.capacity()) * size_of::<u32>()
    }

    /// Moves one name from a pair of runs to the run that they become.
    fn merge(&mut self, view: View, order: &mut NameOrder, work: &mut usize) -> Poll<()> {
        let len = self.from.len();
        let middle = (self.start + self.width).min(len);
        let end = (middle + self.width).min(len);
        let one = self.from.get(self.left..middle).and_then(<[u32]>::first).copied();
        let other = self.from.get(self.right..end).and_then(<[u32]>::first).copied();
        let takes_left = match (one, other) {
            (Some(one), Some(other)) => match order.step((view, one), (view, other), work) {
                Poll::Ready(order) => order.is_le(),
                Poll::Pending => return Poll::Pending,
            },
            (one, _) => one.is_some(),
        };
        let (taken, from) = if takes_left { (one, &mut self.left) } else { (other, &mut self.right) };
        match taken {
            Some(name) => {
                self.to.push(name);
                *from += 1;
            }
            None => {
                self.start = end;
                if self.start >= len {
                    std::mem::swap(&mut self.from, &mut self.to);
                    self.to.clear();
                    (self.start, self.width) = (0, self.width * 2);
                }
                self.left = self.start;
                self.right = (self.start + self.width).min(len);
            }
        }
        Poll::Ready(())
    }
}
