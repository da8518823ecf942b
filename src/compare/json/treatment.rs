// SPDX-License-Identifier: Apache-2.0
//! What the rules say of a value, by where it is.

use super::tree::{NodeKind, View};
use crate::compare::rules::Rules;
use crate::json::{Container, PointerMatch, PointersWithin};

/// How a value is compared.
#[derive(Debug, Clone, Copy)]
pub struct Treatment {
    ignore: PointerMatch,
    unordered: PointerMatch,
}

/// How the values within an object or list are compared.
#[derive(Debug, Clone, Copy)]
pub struct TreatmentWithin {
    ignore: PointersWithin,
    unordered: PointersWithin,
}

impl Treatment {
    /// Of the whole document.
    pub fn start(rules: &Rules) -> Self {
        Self { ignore: rules.ignore.start(), unordered: rules.unordered.start() }
    }

    /// The value does not count.
    pub fn is_ignored(self) -> bool {
        self.ignore.hit
    }

    /// If it is a list, its elements may be in any order.
    pub fn is_unordered(self) -> bool {
        self.unordered.hit
    }

    /// Goes into the object or list with so many others around it.
    pub fn within(self, rules: &Rules, kind: NodeKind, depth: usize) -> TreatmentWithin {
        let container = if kind == NodeKind::List { Container::List } else { Container::Object };
        TreatmentWithin {
            ignore: rules.ignore.within(self.ignore, container, depth),
            unordered: rules.unordered.within(self.unordered, container, depth),
        }
    }
}

impl TreatmentWithin {
    /// How many pointers are asked about each value, at most.
    pub fn asked(&self) -> usize {
        self.ignore.asked() + self.unordered.asked()
    }

    /// Of the member whose name is this node.
    pub fn member(&self, rules: &Rules, view: View, name: u32) -> Treatment {
        let name = view.name(name);
        Treatment {
            ignore: self.ignore.member(&rules.ignore, name),
            unordered: self.unordered.member(&rules.unordered, name),
        }
    }

    /// Of the element with this index. No later call may have a smaller one.
    pub fn element(&mut self, rules: &Rules, index: usize) -> Treatment {
        Treatment {
            ignore: self.ignore.element(&rules.ignore, index),
            unordered: self.unordered.element(&rules.unordered, index),
        }
    }
}
