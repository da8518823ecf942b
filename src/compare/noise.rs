// SPDX-License-Identifier: Apache-2.0
//! Where the answer of a control differs from the primary's. What the shadow has there says nothing of the shadow.
//!
//! Values of a JSON body are known by their index in the tree of the primary's body, so that every value has a place and none is
//! remembered by name. What does not fit is not noise.

use super::Observed;
use super::body_side::BodySide;

/// Most members that only the control has, and bytes of the name of one, that are remembered.
const MAX_ADDED: usize = 256;
const MAX_NAME: usize = 256;

/// The places at which the primary and its control differ.
#[derive(Debug, Default)]
pub struct Noise {
    status: bool,
    grpc_status: bool,
    /// By the index of the header in the rules, as bits.
    headers: u64,
    /// The body is another one as a whole.
    body: bool,
    /// Values in whose place the control has others, or none.
    values: Marks,
    /// Lists that the control has with another number of elements.
    lists: Marks,
    /// Members that only the control has: the object and the name, in this order.
    added: Vec<(u32, Vec<u8>)>,
    /// The primary's body as it was read.
    primary: BodySide,
}

/// Where two answers differ.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    Status,
    GrpcStatus,
    Header(usize),
    /// The body as a whole.
    Body,
    /// A value of the primary's body. `list`: the list of which it is an element that the other side does not have.
    Value {
        node: u32,
        list: Option<u32>,
    },
    /// An element that only the other side has.
    Element {
        list: u32,
    },
    /// A member that only the other side has. The name without escapes, or the beginning of a long one.
    Member {
        object: u32,
        name: &'a [u8],
    },
}

/// So much of a name is told of a member that only one side has.
pub const NAME_TOLD: usize = MAX_NAME + 1;

impl Noise {
    pub fn add(&mut self, place: Place) {
        match place {
            Place::Status => self.status = true,
            Place::GrpcStatus => self.grpc_status = true,
            Place::Header(index) => self.headers |= bit(index),
            Place::Body => self.body = true,
            Place::Value { list: Some(list), .. } | Place::Element { list } => self.lists.add(list),
            Place::Value { node, list: None } => self.values.add(node),
            Place::Member { object, name } => self.add_member(object, name),
        }
    }

    /// Whether the control differs there, too.
    pub fn has(&self, place: Place) -> bool {
        match place {
            Place::Status => self.status,
            Place::GrpcStatus => self.grpc_status,
            Place::Header(index) => self.headers & bit(index) != 0,
            Place::Body => self.body,
            Place::Value { node, .. } => self.values.has(node),
            Place::Element { .. } => false,
            Place::Member { object, name } => self.find(object, name).is_ok(),
        }
    }

    /// Whether everything within this value of the primary's body is noise: the control has another value there, or a list of
    /// another length, in which elements are at other places. A body that is another one as a whole says nothing of what is in it.
    pub fn covers(&self, node: u32) -> bool {
        self.values.has(node) || self.lists.has(node)
    }

    /// Leaves nothing but the status.
    pub fn only_status(&mut self) {
        let Self { status, grpc_status, .. } = *self;
        *self = Self { status, grpc_status, primary: std::mem::take(&mut self.primary), ..Self::default() };
    }

    /// The primary's body, which need not be read a second time.
    pub fn keep(&mut self, primary: BodySide) {
        self.primary = primary;
    }

    pub fn take_primary(&mut self) -> BodySide {
        std::mem::take(&mut self.primary)
    }

    /// Bytes that are allocated for it.
    pub fn held_bytes(&self) -> usize {
        let names: usize = self.added.iter().map(|(_, name)| name.capacity()).sum();
        names
            + self.added.capacity() * size_of::<(u32, Vec<u8>)>()
            + self.values.held_bytes()
            + self.lists.held_bytes()
            + self.primary.held_bytes()
    }

    fn add_member(&mut self, object: u32, name: &[u8]) {
        if name.len() <= MAX_NAME
            && self.added.len() < MAX_ADDED
            && let Err(at) = self.find(object, name)
        {
            self.added.insert(at, (object, name.to_vec()));
        }
    }

    fn find(&self, object: u32, name: &[u8]) -> Result<usize, usize> {
        self.added.binary_search_by(|(other, known)| (*other, known.as_slice()).cmp(&(object, name)))
    }
}

/// Whether a control's answer can be held against the shadow's. One with a status of its own is an answer to another question,
/// an error page most often: what its body has says nothing of the shadow's body.
pub fn is_comparable(primary: &Observed, control: &Observed, shadow: &Observed) -> bool {
    let status = |answer: &Observed| (answer.status, answer.grpc);
    status(control) == status(primary) || status(control) == status(shadow)
}

fn bit(index: usize) -> u64 {
    u32::try_from(index).ok().and_then(|index| 1u64.checked_shl(index)).unwrap_or(0)
}

/// Some of the values of a tree, a bit for each.
#[derive(Debug, Default)]
struct Marks(Vec<u64>);

impl Marks {
    /// Notes nothing where there is no memory.
    fn add(&mut self, node: u32) {
        let (word, bit) = Self::place(node);
        if word >= self.0.len() {
            let more = word + 1 - self.0.len();
            if self.0.try_reserve(more).is_err() {
                return;
            }
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn has(&self, node: u32) -> bool {
        let (word, bit) = Self::place(node);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(node: u32) -> (usize, u64) {
        (node as usize / u64::BITS as usize, 1 << (node % u64::BITS))
    }

    fn held_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests;
