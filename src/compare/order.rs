// SPDX-License-Identifier: Apache-2.0
//! The order of two byte strings, found in steps of bounded work: a step gets on, whatever work it may do.

use std::cmp::Ordering;
use std::task::Poll;

use crate::json::Characters;

/// Bytes that are compared for the work of reading one.
const COMPARED: usize = 4;
/// Bytes that are compared at once.
const MOST: usize = 1 << 20;
/// Work of a pair of bytes behind escapes.
const CHARACTER: usize = 4;

/// How far two byte strings are the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByteOrder {
    at: usize,
}

impl ByteOrder {
    /// The strings must be the same at each step.
    pub fn step(&mut self, one: &[u8], other: &[u8], work: &mut usize) -> Poll<Ordering> {
        loop {
            let len = work.saturating_mul(COMPARED).clamp(COMPARED, MOST);
            let (left, right) = (part(one, self.at, len), part(other, self.at, len));
            *work = work.saturating_sub(left.len().min(right.len()) / COMPARED + 1);
            if left.len() < len || right.len() < len || left != right {
                return Poll::Ready(left.cmp(right));
            }
            self.at += len;
            if *work == 0 {
                return Poll::Pending;
            }
        }
    }
}

fn part(bytes: &[u8], at: usize, len: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.get(..len).unwrap_or(rest)
}

/// How far two strings of JSON are the same, by the characters that they stand for.
#[derive(Debug, Clone, Copy)]
pub enum StringOrder {
    Spelled(ByteOrder),
    Characters(Characters, Characters),
}

impl Default for StringOrder {
    fn default() -> Self {
        Self::Spelled(ByteOrder::default())
    }
}

impl StringOrder {
    /// Of what is between the quotes, the same at each step. `escaped`: one of the strings has escapes.
    pub fn step(&mut self, one: &[u8], other: &[u8], escaped: bool, work: &mut usize) -> Poll<Ordering> {
        if let Self::Spelled(order) = self {
            match order.step(one, other, work) {
                Poll::Ready(order) if order.is_ne() && escaped => {
                    *self = Self::Characters(Characters::default(), Characters::default());
                }
                order => return order,
            }
        }
        if let Self::Characters(left, right) = self {
            loop {
                *work = work.saturating_sub(CHARACTER);
                let (left, right) = (left.next(one), right.next(other));
                if left != right || left.is_none() {
                    return Poll::Ready(left.cmp(&right));
                }
                if *work == 0 {
                    break;
                }
            }
        }
        Poll::Pending
    }
}
