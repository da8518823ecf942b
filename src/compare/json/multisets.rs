// SPDX-License-Identifier: Apache-2.0
//! Two lists whose elements may be in any order: which elements one side has that the other has not, or less often. Each element
//! is hashed once and looked up once.

use std::task::Poll;

use super::NoMemory;
use super::element_table::ElementTable;
use super::fingerprint::{Fingerprint, HashContext};
use super::members::Members;
use super::treatment::{Treatment, TreatmentWithin};
use super::tree::View;

/// Work of an element beside hashing it.
const COUNTED: usize = 4;
const LOOKED_UP: usize = 24;
/// Elements that the shadow alone has and that are noted: no more are listed.
const MAX_LONE: usize = 32;
/// The place of an element that is ignored.
const IGNORED: u32 = u32::MAX;

/// Two lists that are compared.
#[derive(Debug)]
pub struct Multisets {
    lists: [Members; 2],
    within: TreatmentWithin,
    /// How many objects and lists are around the elements.
    depth: usize,
    stage: MultisetStage,
    walk: ElementWalk,
    fingerprint: Fingerprint,
    table: ElementTable,
    /// How many elements the primary has.
    count: usize,
    /// Where each of them was counted.
    places: Vec<u32>,
    /// How many of them have not met their like among the shadow's.
    unmet: usize,
    /// Elements of the shadow that have not met their like, and how many of them were told.
    lone: Vec<u32>,
    told: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MultisetStage {
    /// How many elements the primary has, so that nothing has to grow.
    Count,
    MakeRoom,
    Hash(ListSide),
    /// The fingerprint of an element is looked for.
    Hashing(ListSide, u32),
    LonePrimary,
    LoneShadow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListSide {
    Primary,
    Shadow,
}

/// The elements of one list, in their order.
#[derive(Debug, Clone, Copy)]
struct ElementWalk {
    rest: Members,
    within: TreatmentWithin,
    index: usize,
}

/// What comes next of two lists.
pub enum Lone {
    Pending,
    Nothing,
    End,
    /// An element that has not met its like.
    Element([Option<u32>; 2]),
}

impl Multisets {
    pub fn new(lists: [Members; 2], within: TreatmentWithin, depth: usize) -> Self {
        Self {
            lists,
            within,
            depth,
            stage: MultisetStage::Count,
            walk: ElementWalk { rest: lists[0], within, index: 0 },
            fingerprint: Fingerprint::default(),
            table: ElementTable::default(),
            count: 0,
            places: Vec::new(),
            unmet: 0,
            lone: Vec::new(),
            told: 0,
        }
    }

    /// Continues, a small part.
    pub fn next(
        &mut self,
        context: HashContext,
        [primary, shadow]: [View; 2],
        work: &mut usize,
    ) -> Result<Lone, NoMemory> {
        match self.stage {
            MultisetStage::Count => {
                *work = work.saturating_sub(COUNTED);
                match self.walk.rest.take_element(primary) {
                    Some(_) => self.count += 1,
                    None => self.stage = MultisetStage::MakeRoom,
                }
            }
            MultisetStage::MakeRoom => {
                if self.table.make_room(self.count, work)? {
                    self.places.try_reserve_exact(self.count).map_err(|_| NoMemory)?;
                    self.lone.try_reserve_exact(MAX_LONE).map_err(|_| NoMemory)?;
                    self.begin(ListSide::Primary);
                }
            }
            MultisetStage::Hash(side) => {
                let view = if side == ListSide::Primary { primary } else { shadow };
                self.begin_element(context, view, side, work)?;
            }
            MultisetStage::Hashing(side, node) => {
                let view = if side == ListSide::Primary { primary } else { shadow };
                let Poll::Ready(hash) = self.fingerprint.step(context, view, work)? else {
                    return Ok(Lone::Pending);
                };
                self.stage = MultisetStage::Hash(side);
                self.note(side, node, hash);
            }
            MultisetStage::LonePrimary => {
                *work = work.saturating_sub(LOOKED_UP);
                let Some(node) = self.walk.rest.take_element(primary) else {
                    self.stage = MultisetStage::LoneShadow;
                    return Ok(Lone::Nothing);
                };
                let place = self.places.get(self.walk.index).copied().unwrap_or(IGNORED);
                self.walk.index += 1;
                if place != IGNORED && !self.table.take_met(place) {
                    return Ok(Lone::Element([Some(node), None]));
                }
            }
            MultisetStage::LoneShadow => {
                let node = self.lone.get(self.told).copied();
                self.told += 1;
                return Ok(node.map_or(Lone::End, |node| Lone::Element([None, Some(node)])));
            }
        }
        Ok(Lone::Nothing)
    }

    pub fn held_bytes(&self) -> usize {
        let lists = (self.places.capacity() + self.lone.capacity()) * size_of::<u32>();
        lists + self.table.held_bytes() + self.fingerprint.held_bytes()
    }

    fn begin(&mut self, side: ListSide) {
        let [primary, shadow] = self.lists;
        let rest = if side == ListSide::Primary { primary } else { shadow };
        self.walk = ElementWalk { rest, within: self.within, index: 0 };
        self.stage = MultisetStage::Hash(side);
    }

    fn begin_element(
        &mut self,
        context: HashContext,
        view: View,
        side: ListSide,
        work: &mut usize,
    ) -> Result<(), NoMemory> {
        *work = work.saturating_sub(LOOKED_UP);
        match self.walk.next(context, view) {
            Some((node, treatment)) if !treatment.is_ignored() => {
                self.stage = MultisetStage::Hashing(side, node);
                self.fingerprint.begin(context, view, node, treatment, self.depth)?;
            }
            Some(_) if side == ListSide::Primary => self.places.push(IGNORED),
            Some(_) => {}
            None if side == ListSide::Primary => self.begin(ListSide::Shadow),
            None if self.unmet == 0 => self.stage = MultisetStage::LoneShadow,
            None => {
                self.begin(ListSide::Primary);
                self.stage = MultisetStage::LonePrimary;
            }
        }
        Ok(())
    }

    /// The fingerprint of an element was found.
    fn note(&mut self, side: ListSide, node: u32, hash: u128) {
        match side {
            ListSide::Primary => {
                self.places.push(self.table.count(hash));
                self.unmet += 1;
            }
            ListSide::Shadow if self.table.meet(hash) => self.unmet -= 1,
            ListSide::Shadow if self.lone.len() < MAX_LONE => self.lone.push(node),
            ListSide::Shadow => {}
        }
    }
}

impl ElementWalk {
    fn next(&mut self, context: HashContext, view: View) -> Option<(u32, Treatment)> {
        let node = self.rest.take_element(view)?;
        let treatment = self.within.element(context.rules, self.index);
        self.index += 1;
        Some((node, treatment))
    }
}
