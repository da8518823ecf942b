// SPDX-License-Identifier: Apache-2.0
//! Replaces values in JSON text, and adds members, without touching another byte of it, in steps of bounded work.
//!
//! The text is read once, strict by RFC 8259: what another reader might read differently is refused rather than sent. All
//! members of a repeated name are replaced, because readers differ in which of them counts. What is replaced is only noted
//! then. Its end tells how long the result is, so that it is written into one allocation that never has to move.

use std::task::Poll;

use super::edit_text::EditText;
use super::places::Places;
use super::setter::{Setter, bits_of};
use super::settings::SetText;
use super::spans::{SpanReader, Spans};
use super::{RedactError, Redaction};
use crate::json::{Event, NotJson, PointerMatch, Walk};

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 1000;

/// Work of a value beside reading it, and of asking one pointer about it.
const VALUE: usize = 6;
const POINTER: usize = 2;
/// Bytes that are copied for the work of reading one.
const COPIED: usize = 4;

/// A body that is redacted.
#[derive(Debug)]
pub struct BodyRedaction {
    max_len: usize,
    stage: RedactStage,
}

#[derive(Debug)]
enum RedactStage {
    Reading(Box<Search>),
    Writing(Output),
}

/// Looks for what must be replaced.
#[derive(Debug)]
struct Search {
    walk: Walk,
    places: Places,
    setter: Setter,
    /// The value that is replaced and has not ended.
    hidden: Option<Hidden>,
    spans: Spans,
    /// Where the last event ended.
    behind: usize,
    /// Bytes of the result up to the end of the last span.
    len: usize,
}

#[derive(Debug)]
struct Hidden {
    /// Where it began, and how many levels were around it.
    start: usize,
    depth: usize,
    text: EditText,
}

#[derive(Debug)]
struct Output {
    spans: SpanReader,
    /// What is replaced next.
    next: Option<(usize, usize, usize)>,
    /// How much of the text is in the result, replaced or not.
    copied: usize,
    len: usize,
    redacted: Vec<u8>,
}

impl BodyRedaction {
    pub(super) fn new(redaction: &Redaction, max_len: usize) -> Self {
        let search = Search {
            walk: Walk::new(MAX_DEPTH),
            places: Places::new(&redaction.json),
            setter: Setter::new(&redaction.set),
            hidden: None,
            spans: Spans::default(),
            behind: 0,
            len: 0,
        };
        Self { max_len, stage: RedactStage::Reading(Box::new(search)) }
    }

    /// Continues, until it is done or has done this much work: reading a byte is about 1, copying it a quarter. Gives the
    /// body with the values replaced, `None` if there are none. The settings and the body must be those that it began
    /// with, and no step may follow its end.
    ///
    /// # Errors
    /// If the body is not JSON, would be longer than the limit, or there is no memory for it.
    pub fn step(
        &mut self,
        redaction: &Redaction,
        body: &[u8],
        mut work: usize,
    ) -> Poll<Result<Option<Vec<u8>>, RedactError>> {
        match &mut self.stage {
            RedactStage::Reading(search) => {
                match search.step(redaction, body, self.max_len, work) {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(())) if search.spans.is_empty() => return Poll::Ready(Ok(None)),
                    Ok(Poll::Ready(())) => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
                let len = search.len.saturating_add(body.len() - search.spans.end().min(body.len()));
                if len > self.max_len {
                    return Poll::Ready(Err(RedactError::TooLong));
                }
                let mut spans = std::mem::take(&mut search.spans).into_reader();
                let next = spans.next();
                self.stage =
                    RedactStage::Writing(Output { spans, next, copied: 0, len, redacted: Vec::new() });
                Poll::Pending
            }
            RedactStage::Writing(output) => output.step(body, redaction, &mut work),
        }
    }

    /// Continues until it is done, as long as that takes.
    ///
    /// # Errors
    /// Those of [`Self::step`].
    pub fn finish(mut self, redaction: &Redaction, body: &[u8]) -> Result<Option<Vec<u8>>, RedactError> {
        loop {
            if let Poll::Ready(redacted) = self.step(redaction, body, usize::MAX) {
                return redacted;
            }
        }
    }

    /// Bytes that are allocated for what it notes, its result apart.
    pub fn noted_bytes(&self) -> usize {
        match &self.stage {
            RedactStage::Reading(search) => {
                search.spans.held_bytes() + search.places.held_bytes() + search.setter.held_bytes()
            }
            RedactStage::Writing(output) => output.spans.held_bytes(),
        }
    }
}

impl Search {
    fn step(
        &mut self,
        redaction: &Redaction,
        text: &[u8],
        max_len: usize,
        work: usize,
    ) -> Result<Poll<()>, RedactError> {
        let (pointers, settings) = (&redaction.json, &redaction.set);
        let mut until = self.walk.at().saturating_add(work);
        loop {
            let inside = self.walk.inside();
            let event = match self.walk.event(text, until)? {
                Poll::Ready(Some(event)) => event,
                done => return Ok(done.map(drop)),
            };
            until = until.saturating_sub(VALUE + (self.places.asked() + self.setter.asked()) * POINTER);
            let (start, end) = self.walk.span();
            match event {
                Event::Name => {
                    self.places.member(pointers, self.walk.name(text))?;
                    self.setter.member(settings, self.walk.name(text))?;
                }
                Event::Open(container) => {
                    let mut place = self.places.value(pointers, inside);
                    let mut set = self.setter.value(settings, inside);
                    if self.hidden.is_none()
                        && let Some(text) = EditText::of(place.hit, set)
                    {
                        self.hidden = Some(Hidden { start, depth: self.places.depth(), text });
                    }
                    // Within what is replaced there is nothing to look for.
                    if self.hidden.is_some() {
                        (place, set.alive) = (PointerMatch::NONE, 0);
                    }
                    self.places.enter(pointers, container, place)?;
                    self.setter.enter(settings, set.alive)?;
                }
                Event::Scalar(_) => {
                    let place = self.places.value(pointers, inside);
                    let set = self.setter.value(settings, inside);
                    if self.hidden.is_none() {
                        if set.alive != 0 {
                            return Err(RedactError::Unredactable);
                        }
                        if let Some(text) = EditText::of(place.hit, set) {
                            self.replace(redaction, (start, end), text, max_len)?;
                        }
                    }
                }
                Event::Close => {
                    self.places.leave();
                    let lacking = self.setter.leave(settings, inside)?;
                    let mut is_first = lacking.is_empty;
                    for index in bits_of(lacking.missing) {
                        let text = if is_first { SetText::First(index) } else { SetText::Another(index) };
                        self.replace(redaction, (self.behind, self.behind), EditText::Set(text), max_len)?;
                        is_first = false;
                    }
                    let depth = self.places.depth();
                    if let Some(Hidden { start, text, .. }) =
                        self.hidden.take_if(|hidden| hidden.depth == depth)
                    {
                        self.replace(redaction, (start, end), text, max_len)?;
                    }
                }
            }
            self.behind = end;
        }
    }

    /// Notes that a text stands in a place.
    fn replace(
        &mut self,
        redaction: &Redaction,
        (start, end): (usize, usize),
        text: EditText,
        max_len: usize,
    ) -> Result<(), RedactError> {
        let copied = start.saturating_sub(self.spans.end());
        self.len = self.len.saturating_add(copied).saturating_add(text.of_redaction(redaction).len());
        if self.len > max_len { Err(RedactError::TooLong) } else { self.spans.push(start, end, text.code()) }
    }
}

impl Output {
    fn step(
        &mut self,
        text: &[u8],
        redaction: &Redaction,
        work: &mut usize,
    ) -> Poll<Result<Option<Vec<u8>>, RedactError>> {
        if self.redacted.capacity() < self.len && self.redacted.try_reserve_exact(self.len).is_err() {
            return Poll::Ready(Err(RedactError::OutOfMemory));
        }
        while *work > 0 {
            let until = self.next.map_or(text.len(), |(start, ..)| start);
            let part = text.get(self.copied..until).unwrap_or_default();
            let part = part.get(..work.saturating_mul(COPIED)).unwrap_or(part);
            self.redacted.extend_from_slice(part);
            self.copied += part.len();
            *work = work.saturating_sub(part.len() / COPIED + VALUE);
            if self.copied < until {
                continue;
            }
            let Some((_, end, code)) = self.next else {
                return Poll::Ready(Ok(Some(std::mem::take(&mut self.redacted))));
            };
            let replacement = EditText::from_code(code).of_redaction(redaction);
            self.redacted.extend_from_slice(replacement);
            *work = work.saturating_sub(replacement.len() / COPIED + VALUE);
            self.copied = end;
            self.next = self.spans.next();
        }
        Poll::Pending
    }
}

impl From<NotJson> for RedactError {
    fn from(_: NotJson) -> Self {
        Self::Unredactable
    }
}

#[cfg(test)]
mod tests;
