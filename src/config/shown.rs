// SPDX-License-Identifier: Apache-2.0
//! Found values and allowed names, as error messages show them.

use std::fmt::{self, Display, Write};

use super::document::Document;

/// Longest excerpt of a found string that a message shows, in characters.
pub const MAX_EXCERPT: usize = 80;

/// A list of names in prose: `a`, `a or b`, `a, b or c`.
pub struct Choices<'a>(pub Vec<&'a str>, pub &'static str, pub bool);

impl Display for Choices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(names, conjunction, quoted) = self;
        for (index, name) in names.iter().enumerate() {
            if index > 0 && index + 1 == names.len() {
                write!(f, " {conjunction} ")?;
            } else if index > 0 {
                f.write_str(", ")?;
            }
            if *quoted {
                write!(f, "\"{name}\"")?;
            } else {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

/// A found value, short enough for one log line and without line breaks.
pub struct Found<'a>(pub &'a Document);

impl Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Document::Null => f.write_str("null"),
            Document::Bool(value) => write!(f, "{value}"),
            Document::Number(value) => write!(f, "{}", Shown(*value)),
            Document::String(value) | Document::Numeral(value, _) => write!(f, "{}", Excerpt(value)),
            Document::Array(items) => write!(f, "a list of {}", items.len()),
            Document::Object(entries) => write!(f, "an object with {} keys", entries.len()),
        }
    }
}

/// A number to six decimals. The standard library shows each number exactly, which takes 15 KB of module.
struct Shown(f64);

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MILLION: f64 = 1e6;
        if !self.0.is_finite() {
            return f.write_str("a number without end");
        }
        if self.0 < 0.0 {
            f.write_char('-')?;
        }
        let (mut number, mut exponent) = (self.0.abs(), 0);
        while number >= 1e15 || exponent > 0 && number >= 10.0 {
            (number, exponent) = (number / 10.0, exponent + 1);
        }
        while number != 0.0 && (number < 1e-6 || exponent < 0 && number < 1.0) {
            (number, exponent) = (number * 10.0, exponent - 1);
        }
        let whole = number.trunc();
        let mut decimals = ((number - whole) * MILLION).round() as u64;
        let whole = whole as u64 + u64::from(decimals == MILLION as u64);
        decimals %= MILLION as u64;
        write!(f, "{whole}")?;
        if decimals > 0 {
            let mut width = 6;
            while decimals.is_multiple_of(10) {
                (decimals, width) = (decimals / 10, width - 1);
            }
            write!(f, ".{decimals:0width$}")?;
        }
        if exponent == 0 { Ok(()) } else { write!(f, "e{exponent}") }
    }
}

pub struct Excerpt<'a>(pub &'a str);

impl Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars().take(MAX_EXCERPT) {
            write!(f, "{}", character.escape_debug())?;
        }
        f.write_char('"')?;
        match self.0.chars().count() {
            count if count > MAX_EXCERPT => write!(f, " … ({count} characters)"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn numbers_are_shown_as_a_person_would_write_them() {
        for (number, shown) in [
            (0.0, "0"),
            (120.0, "120"),
            (-1.5, "-1.5"),
            (0.00001, "0.00001"),
            (33.33333, "33.33333"),
            (99.999_999_9, "100"),
            (1_048_577.0, "1048577"),
            (1e15, "1e15"),
            (1.5e300, "1.5e300"),
            (-2e-9, "-2e-9"),
            (f64::NAN, "a number without end"),
            (f64::INFINITY, "a number without end"),
        ] {
            assert_eq!(Shown(number).to_string(), shown);
        }
    }
}
