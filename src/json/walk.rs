// SPDX-License-Identifier: Apache-2.0
//! One strict walk over a JSON text, for everything that reads bodies.
//!
//! Nesting is kept in a list with a bound and not on the stack, which is small in a VM.

use super::lexer::{Lexer, NotJson};

/// What comes next in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    Open(Container),
    Close,
    /// The name of the member whose value comes next, as it is spelled between its quotes.
    Name(&'a [u8]),
    Scalar(Scalar),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Object,
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    String,
    Number,
    True,
    False,
    Null,
}

pub struct Walk<'a> {
    lexer: Lexer<'a>,
    /// The objects and lists around the current place.
    open: Vec<Container>,
    max_depth: usize,
    next: Next,
    /// Where the last event begins and ends in the text.
    span: (usize, usize),
}

#[derive(Clone, Copy)]
enum Next {
    Value,
    /// The first value of an object or list, or its end.
    First,
    /// A comma, the end of what is open, or the end of the text.
    Follower,
}

impl<'a> Walk<'a> {
    /// `max_depth`: the deepest nesting that is read.
    ///
    /// # Errors
    /// If the text is not UTF-8.
    pub fn new(text: &'a [u8], max_depth: usize) -> Result<Self, NotJson> {
        let lexer = Lexer::new(text)?;
        Ok(Self { lexer, open: Vec::new(), max_depth, next: Next::Value, span: (0, 0) })
    }

    /// The next event; `None` at the end of the text.
    ///
    /// # Errors
    /// If the text is not JSON, or is nested too deeply.
    pub fn event(&mut self) -> Result<Option<Event<'a>>, NotJson> {
        self.lexer.skip_space();
        let inside = self.open.last().copied();
        match (self.next, inside) {
            (Next::Value, _) => return self.value().map(Some),
            (Next::First | Next::Follower, Some(container)) => {
                let start = self.lexer.at();
                if self.lexer.take(container.end()) {
                    self.span = (start, self.lexer.at());
                    self.open.pop();
                    self.next = Next::Follower;
                    return Ok(Some(Event::Close));
                }
            }
            (_, None) => return if self.lexer.peek().is_none() { Ok(None) } else { Err(NotJson) },
        }
        if matches!(self.next, Next::Follower) {
            if !self.lexer.take(b',') {
                return Err(NotJson);
            }
            self.lexer.skip_space();
        }
        match inside {
            Some(Container::Object) => self.name().map(Some),
            _ => self.value().map(Some),
        }
    }

    /// Where the last event is in the text: from its first byte to behind its last.
    pub fn span(&self) -> (usize, usize) {
        self.span
    }

    /// The innermost object or list that is open.
    pub fn inside(&self) -> Option<Container> {
        self.open.last().copied()
    }

    fn name(&mut self) -> Result<Event<'a>, NotJson> {
        let start = self.lexer.at();
        let name = self.lexer.string()?;
        self.span = (start, self.lexer.at());
        self.lexer.skip_space();
        if !self.lexer.take(b':') {
            return Err(NotJson);
        }
        self.next = Next::Value;
        Ok(Event::Name(name))
    }

    fn value(&mut self) -> Result<Event<'a>, NotJson> {
        let start = self.lexer.at();
        let scalar = match self.lexer.peek() {
            Some(b'{') => return self.enter(Container::Object),
            Some(b'[') => return self.enter(Container::List),
            Some(b'"') => Scalar::String,
            Some(b't') => Scalar::True,
            Some(b'f') => Scalar::False,
            Some(b'n') => Scalar::Null,
            _ => Scalar::Number,
        };
        self.lexer.scalar()?;
        self.span = (start, self.lexer.at());
        self.next = Next::Follower;
        Ok(Event::Scalar(scalar))
    }

    fn enter(&mut self, container: Container) -> Result<Event<'a>, NotJson> {
        if self.open.len() >= self.max_depth {
            return Err(NotJson);
        }
        let start = self.lexer.at();
        self.lexer.skip();
        self.span = (start, self.lexer.at());
        self.open.push(container);
        self.next = Next::First;
        Ok(Event::Open(container))
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
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn events(text: &str) -> Result<Vec<String>, NotJson> {
        let mut walk = Walk::new(text.as_bytes(), 3)?;
        let mut events = Vec::new();
        while let Some(event) = walk.event()? {
            let (start, end) = walk.span();
            events.push(match event {
                Event::Name(name) => format!("{}:", String::from_utf8_lossy(name)),
                _ => text[start..end].to_owned(),
            });
        }
        Ok(events)
    }

    #[test]
    fn tells_what_a_text_has_in_its_order() {
        let text = " { \"a\" : [ 1 , {} , [ ] ] , \"b\":\"x\" } ";
        let expected = ["{", "a:", "[", "1", "{", "}", "[", "]", "]", "b:", "\"x\"", "}"];
        assert_eq!(events(text).expect("JSON"), expected);
        assert_eq!(events("null").expect("JSON"), ["null"]);
    }

    #[test]
    fn refuses_what_is_no_json_and_what_is_nested_too_deeply() {
        for text in [
            "", "{", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{,}", "1 2", "[}", "{]", "[[[[]]]]",
            "[1}",
        ] {
            assert_eq!(events(text), Err(NotJson), "{text}");
        }
        assert!(events("[[[]]]").is_ok());
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn takes_what_serde_json_takes(text in "[\\[\\]{},:\"a1 \\\\-]{0,12}") {
            let strict = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let mut walk = Walk::new(text.as_bytes(), 100).expect("UTF-8");
            let walked = loop {
                match walk.event() {
                    Ok(Some(_)) => {}
                    Ok(None) => break true,
                    Err(NotJson) => break false,
                }
            };
            proptest::prop_assert_eq!(walked, strict);
        }
    }
}
