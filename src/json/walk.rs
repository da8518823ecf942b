// SPDX-License-Identifier: Apache-2.0
//! One strict walk over a JSON text, for everything that reads bodies. It can stop anywhere and continue later.
//!
//! Nesting is kept in a list with a bound and not on the stack, which is small in a VM.

use std::task::Poll;

use super::lexer::{Lexer, NotJson, NumberState};
use super::nesting::{MAX_NESTING, Nesting};
use super::spelling::{Name, Spelling};

/// What comes next in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Open(Container),
    Close,
    /// The name of the member whose value comes next: [`Walk::name`] tells it.
    Name,
    Scalar(Scalar),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Object,
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    String(Spelling),
    Number,
    True,
    False,
    Null,
}

/// A place in a text. The text is handed in at each step, the same each time.
#[derive(Debug)]
pub struct Walk {
    at: usize,
    /// The objects and lists around the current place.
    open: Nesting,
    max_depth: usize,
    next: Next,
    /// Where the last event begins and ends in the text.
    span: (usize, usize),
    /// Of the string that is read.
    spelling: Spelling,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Value,
    /// The first value of an object or list, or its end.
    First,
    /// A comma, the end of what is open, or the end of the text.
    Follower,
    /// Behind a comma.
    Another,
    Colon,
    /// The rest of a token.
    Name,
    String,
    Number(NumberState),
}

impl Walk {
    /// `max_depth`: the deepest nesting that is read, at most 1024.
    pub fn new(max_depth: usize) -> Self {
        Self {
            at: 0,
            open: Nesting::default(),
            max_depth: max_depth.min(MAX_NESTING),
            next: Next::Value,
            span: (0, 0),
            spelling: Spelling::Plain,
        }
    }

    /// The next event; `None` at the end of the text. `until` is where reading must stop, or little behind it: it is
    /// `Pending` there unless the text ends before.
    ///
    /// # Errors
    /// If the text is not JSON in UTF-8, or is nested too deeply.
    #[inline(always)]
    pub fn event(&mut self, text: &[u8], until: usize) -> Result<Poll<Option<Event>>, NotJson> {
        let mut lexer = Lexer::new(text, self.at, until);
        let event = self.read(&mut lexer);
        self.at = lexer.at();
        event
    }

    /// How much of the text was read.
    pub fn at(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn read(&mut self, lexer: &mut Lexer) -> Result<Poll<Option<Event>>, NotJson> {
        match self.next {
            Next::Name => return self.read_name(lexer),
            Next::String => return self.string(lexer),
            Next::Number(state) => return self.number(lexer, state, false),
            _ => {}
        }
        loop {
            lexer.skip_space();
            if lexer.is_paused() {
                return Ok(Poll::Pending);
            }
            match (self.next, self.open.inside()) {
                (Next::Colon, _) => {
                    if !lexer.take(b':') {
                        return Err(NotJson);
                    }
                    self.next = Next::Value;
                    continue;
                }
                (Next::First | Next::Follower, Some(container)) => {
                    let start = lexer.at();
                    if lexer.take(container.end()) {
                        self.span = (start, lexer.at());
                        self.open.leave();
                        self.next = Next::Follower;
                        return Ok(Poll::Ready(Some(Event::Close)));
                    }
                }
                (Next::First | Next::Follower, None) => {
                    return if lexer.peek().is_none() { Ok(Poll::Ready(None)) } else { Err(NotJson) };
                }
                _ => {}
            }
            match (self.next, self.open.inside()) {
                (Next::Follower, _) => {
                    if !lexer.take(b',') {
                        return Err(NotJson);
                    }
                    self.next = Next::Another;
                }
                (Next::First | Next::Another, Some(Container::Object)) => {
                    self.span.0 = lexer.at();
                    if !lexer.take(b'"') {
                        return Err(NotJson);
                    }
                    self.spelling = Spelling::Plain;
                    return self.read_name(lexer);
                }
                _ => return self.value(lexer),
            }
        }
    }

    /// Where the last event is in the text: from its first byte to behind its last.
    pub fn span(&self) -> (usize, usize) {
        self.span
    }

    /// The name that the last event was.
    pub fn name<'a>(&self, text: &'a [u8]) -> Name<'a> {
        let (start, end) = self.span;
        let spelled = text.get(start + 1..end.saturating_sub(1)).unwrap_or_default();
        Name { spelled, spelling: self.spelling }
    }

    /// The innermost object or list that is open.
    pub fn inside(&self) -> Option<Container> {
        self.open.inside()
    }

    fn read_name(&mut self, lexer: &mut Lexer) -> Result<Poll<Option<Event>>, NotJson> {
        if !lexer.string(&mut self.spelling)? {
            self.next = Next::Name;
            return Ok(Poll::Pending);
        }
        self.span.1 = lexer.at();
        self.next = Next::Colon;
        Ok(Poll::Ready(Some(Event::Name)))
    }

    fn value(&mut self, lexer: &mut Lexer) -> Result<Poll<Option<Event>>, NotJson> {
        self.span.0 = lexer.at();
        match lexer.peek() {
            Some(b'{') => self.enter(Container::Object, lexer),
            Some(b'[') => self.enter(Container::List, lexer),
            Some(b'"') => {
                lexer.skip();
                self.spelling = Spelling::Plain;
                self.string(lexer)
            }
            Some(b't') => lexer.literal(b"true").map(|()| self.scalar(Scalar::True, lexer)),
            Some(b'f') => lexer.literal(b"false").map(|()| self.scalar(Scalar::False, lexer)),
            Some(b'n') => lexer.literal(b"null").map(|()| self.scalar(Scalar::Null, lexer)),
            _ => {
                let state = lexer.begin_number();
                self.number(lexer, state, true)
            }
        }
    }

    fn string(&mut self, lexer: &mut Lexer) -> Result<Poll<Option<Event>>, NotJson> {
        if !lexer.string(&mut self.spelling)? {
            self.next = Next::String;
            return Ok(Poll::Pending);
        }
        Ok(self.scalar(Scalar::String(self.spelling), lexer))
    }

    fn number(
        &mut self,
        lexer: &mut Lexer,
        mut state: NumberState,
        begins: bool,
    ) -> Result<Poll<Option<Event>>, NotJson> {
        if !lexer.number(&mut state, begins)? {
            self.next = Next::Number(state);
            return Ok(Poll::Pending);
        }
        Ok(self.scalar(Scalar::Number, lexer))
    }

    fn scalar(&mut self, scalar: Scalar, lexer: &Lexer) -> Poll<Option<Event>> {
        self.span.1 = lexer.at();
        self.next = Next::Follower;
        Poll::Ready(Some(Event::Scalar(scalar)))
    }

    fn enter(&mut self, container: Container, lexer: &mut Lexer) -> Result<Poll<Option<Event>>, NotJson> {
        if self.open.depth() >= self.max_depth {
            return Err(NotJson);
        }
        lexer.skip();
        self.span.1 = lexer.at();
        self.open.enter(container);
        self.next = Next::First;
        Ok(Poll::Ready(Some(Event::Open(container))))
    }
}

impl Container {
    fn end(self) -> u8 {
        match self {
            Self::Object => b'}',
            Self::List => b']',
        }
    }
}

#[cfg(test)]
mod tests;
