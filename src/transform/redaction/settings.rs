// SPDX-License-Identifier: Apache-2.0
//! Values that are set in a JSON body: where, and their text.

use crate::json::{MAX_POINTERS, Pointer, Token, put_string};

/// At most [`MAX_POINTERS`] without `**`, none of which leads to the value of another, or into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonSettings(Vec<Setting>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    pointer: Pointer,
    value: Vec<u8>,
    /// The member with this value, behind a comma. Empty where the pointer does not end with a name.
    member: Vec<u8>,
}

/// Which text stands in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetText {
    Value(usize),
    /// A member more; the first one of its object, or one behind others.
    First(usize),
    Another(usize),
}

/// Why a pointer cannot be set beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingConflict {
    TooMany,
    /// Another one may lead to the same value, into it, or around it.
    Overlap,
}

impl JsonSettings {
    /// Adds one. `value` is JSON.
    ///
    /// # Errors
    /// If it does not go together with those before it.
    pub fn add(&mut self, pointer: Pointer, value: Vec<u8>) -> Result<(), SettingConflict> {
        if self.0.len() >= MAX_POINTERS {
            return Err(SettingConflict::TooMany);
        }
        if self.0.iter().any(|other| overlap(other.pointer.tokens(), pointer.tokens())) {
            return Err(SettingConflict::Overlap);
        }
        let mut member = Vec::new();
        if let Some(Token::Name { text, .. }) = pointer.tokens().last() {
            member.push(b',');
            put_string(&mut member, text);
            member.push(b':');
            member.extend_from_slice(&value);
        }
        self.0.push(Setting { pointer, value, member });
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a value that this pointer leads to may have the value of one of these in it.
    pub fn has_one_within(&self, pointer: &Pointer) -> bool {
        self.0.iter().any(|setting| leads_above(pointer.tokens(), setting.pointer.tokens()))
    }

    pub fn text(&self, text: SetText) -> &[u8] {
        let setting = |index: usize| self.0.get(index);
        let text = match text {
            SetText::Value(index) => setting(index).map(|setting| setting.value.as_slice()),
            SetText::First(index) => setting(index).and_then(|setting| setting.member.get(1..)),
            SetText::Another(index) => setting(index).map(|setting| setting.member.as_slice()),
        };
        text.unwrap_or_default()
    }

    /// The token of one at a depth, and whether it is the last.
    pub fn token(&self, index: usize, depth: usize) -> Option<(&Token, bool)> {
        let tokens = self.0.get(index)?.pointer.tokens();
        tokens.get(depth).map(|token| (token, depth + 1 == tokens.len()))
    }

    /// The one that is the whole document.
    pub fn whole_document(&self) -> Option<usize> {
        self.0.iter().position(|setting| setting.pointer.tokens().is_empty())
    }
}

/// Whether a pointer, with `**` or without, may lead to a value around that of another.
fn leads_above(pointer: &[Token], other: &[Token]) -> bool {
    // Where in the pointer one may be after each token of the other: a `**` is any number of them.
    let mut at = vec![false; pointer.len() + 1];
    let skip = |at: &mut [bool]| {
        for index in 0..pointer.len() {
            let deep = pointer.get(index) == Some(&Token::Deep) && at.get(index) == Some(&true);
            at.get_mut(index + 1).into_iter().for_each(|next| *next |= deep);
        }
    };
    at.iter_mut().take(1).for_each(|first| *first = true);
    skip(&mut at);
    for token in other {
        if at.last() == Some(&true) {
            return true;
        }
        let mut next = vec![false; at.len()];
        for (index, own) in pointer.iter().enumerate().filter(|(index, _)| at.get(*index) == Some(&true)) {
            let stays = *own == Token::Deep;
            let leads_there = !stays && overlap(std::slice::from_ref(own), std::slice::from_ref(token));
            next.get_mut(index).into_iter().for_each(|place| *place |= stays);
            next.get_mut(index + 1).into_iter().for_each(|place| *place |= leads_there);
        }
        at = next;
        skip(&mut at);
    }
    false
}

/// Whether one of two pointers may lead to the value of the other, or into it.
fn overlap(one: &[Token], other: &[Token]) -> bool {
    one.iter().zip(other).all(|tokens| match tokens {
        (Token::Name { text, .. }, Token::Name { text: other, .. }) => text == other,
        _ => true,
    })
}
