// SPDX-License-Identifier: Apache-2.0
//! What differs between two answers.

/// Most differences of one pair that are listed.
const MAX_LISTED: usize = 20;
/// Bytes of a value, and of the place where it is, that are kept: more than anybody is shown.
pub const MAX_KEPT: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `status`, `header:…`, or a JSON pointer into the body.
    pub at: String,
    pub primary: SideValue,
    pub shadow: SideValue,
}

/// One side of a difference, cut where it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SideValue {
    Absent,
    /// JSON text.
    Json(Vec<u8>),
    Bytes(Vec<u8>),
}

impl SideValue {
    pub fn json(text: &[u8]) -> Self {
        Self::Json(text.get(..MAX_KEPT).unwrap_or(text).to_vec())
    }

    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.get(..MAX_KEPT).unwrap_or(bytes).to_vec())
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    kinds: [bool; DifferenceKind::ALL.len()],
    most: usize,
    /// The first of them.
    pub listed: Vec<Difference>,
}

impl Default for Differences {
    fn default() -> Self {
        Self { kinds: Default::default(), most: MAX_LISTED, listed: Vec::new() }
    }
}

impl Differences {
    /// Only the kinds are noted, and nothing is listed.
    pub fn unlisted() -> Self {
        Self { most: 0, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(|any| !any)
    }

    pub fn has(&self, kind: DifferenceKind) -> bool {
        self.kinds.get(kind as usize).is_some_and(|any| *any)
    }

    /// Whether another difference of this kind would change nothing.
    pub fn is_full(&self, kind: DifferenceKind) -> bool {
        self.has(kind) && self.listed.len() >= self.most
    }

    /// Notes a difference, and lists it if there is room.
    pub fn note(&mut self, kind: DifferenceKind, difference: impl FnOnce() -> Difference) {
        if let Some(any) = self.kinds.get_mut(kind as usize) {
            *any = true;
        }
        if self.listed.len() < self.most {
            self.listed.push(difference());
        }
    }
}
