// SPDX-License-Identifier: Apache-2.0
//! What differs between two answers.

/// Most differences of one pair that are listed.
const MAX_LISTED: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `status`, `header:…`, or a JSON pointer into the body.
    pub at: String,
    pub primary: SideValue,
    pub shadow: SideValue,
}

/// One side of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SideValue {
    Absent,
    /// JSON text.
    Json(Vec<u8>),
    Bytes(Vec<u8>),
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    Status,
    Header,
    Body,
}

impl DifferenceKind {
    pub const ALL: [(Self, &str); 3] =
        [(Self::Status, "status"), (Self::Header, "header"), (Self::Body, "body")];
}

/// The differences of one pair, and of which kinds they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    kinds: [bool; DifferenceKind::ALL.len()],
    /// The first of them.
    pub listed: Vec<Difference>,
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(|any| !any)
    }

    pub fn has(&self, kind: DifferenceKind) -> bool {
        self.kinds.get(kind as usize).is_some_and(|any| *any)
    }

    /// Whether another difference of this kind would change nothing.
    pub fn is_full(&self, kind: DifferenceKind) -> bool {
        self.has(kind) && self.listed.len() >= MAX_LISTED
    }

    /// Notes a difference, and lists it if there is room.
    pub fn note(&mut self, kind: DifferenceKind, difference: impl FnOnce() -> Difference) {
        if let Some(any) = self.kinds.get_mut(kind as usize) {
            *any = true;
        }
        if self.listed.len() < MAX_LISTED {
            self.listed.push(difference());
        }
    }
}
