// SPDX-License-Identifier: Apache-2.0
//! Whether two JSON numbers are the same, to the last digit: `1` and `1.0` are, and 2^53 and 2^53 + 1 are not. They can be
//! as long as a body, so that this too is found in steps of bounded work,
//! each of which gets on.

use std::task::Poll;

use super::order::ByteOrder;

/// Work of a digit beside reading it.
const DIGIT: usize = 2;

/// How far two numbers are compared.
#[derive(Debug, Clone, Copy)]
pub enum NumberComparison {
    Spelled(ByteOrder),
    Measured(Decimal, Decimal),
    /// The next digit of each.
    Digits(usize, usize, Decimal, Decimal),
}

/// A number in the one form that is only its own: 0.`digits` × 10^`exponent`, without zeros at either end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decimal {
    /// How far it was read.
    at: usize,
    part: DecimalPart,
    negative: bool,
    /// Where the digits are that are not zero; `None` if all are. A point may be between them.
    digits: Option<(usize, usize)>,
    /// How many digits are before the point and not zeros in front, or how many zeros are behind it, below 0.
    magnitude: i64,
    negative_exponent: bool,
    /// Its digits, without the sign.
    exponent: i64,
    /// The exponent is beyond all measure.
    immense: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum DecimalPart {
    #[default]
    Whole,
    Fraction,
    Exponent,
}

impl Default for NumberComparison {
    fn default() -> Self {
        Self::Spelled(ByteOrder::default())
    }
}

impl NumberComparison {
    /// Of numbers as JSON spells them, the same at each step.
    pub fn step(&mut self, one: &[u8], other: &[u8], work: &mut usize) -> Poll<bool> {
        if let Self::Spelled(order) = self {
            match order.step(one, other, work) {
                Poll::Ready(order) if order.is_ne() => {
                    *self = Self::Measured(Decimal::default(), Decimal::default());
                }
                order => return order.map(|_| true),
            }
        }
        if let Self::Measured(left, right) = self {
            if !left.read(one, work) || !right.read(other, work) {
                return Poll::Pending;
            }
            match (left.digits, right.digits) {
                (Some((first, _)), Some((second, _)))
                    if left.scale().is_some() && left.scale() == right.scale() =>
                {
                    *self = Self::Digits(first, second, *left, *right);
                }
                (digits, others) => return Poll::Ready(digits.is_none() && others.is_none()),
            }
        }
        if let Self::Digits(first, second, left, right) = self {
            loop {
                *work = work.saturating_sub(DIGIT + 1);
                let digits = (left.digit(one, first), right.digit(other, second));
                match digits {
                    (None, None) => return Poll::Ready(true),
                    (digit, another) if digit != another => return Poll::Ready(false),
                    _ if *work == 0 => break,
                    _ => {}
                }
            }
        }
        Poll::Pending
    }
}

impl Decimal {
    /// Reads on. `false` if it stopped before the end.
    pub fn read(&mut self, text: &[u8], work: &mut usize) -> bool {
        let rest = text.get(self.at..).unwrap_or_default();
        let part = rest.get(..work.div_ceil(DIGIT).max(1)).unwrap_or(rest);
        for byte in part {
            match (byte, self.part) {
                (b'-', DecimalPart::Exponent) => self.negative_exponent = true,
                (b'-', _) => self.negative = true,
                (b'.', _) => self.part = DecimalPart::Fraction,
                (b'e' | b'E', _) => self.part = DecimalPart::Exponent,
                (b'0'..=b'9', DecimalPart::Exponent) => {
                    let exponent = self.exponent.checked_mul(10);
                    let exponent = exponent.and_then(|tens| tens.checked_add(i64::from(byte - b'0')));
                    self.immense |= exponent.is_none();
                    self.exponent = exponent.unwrap_or(0);
                }
                (b'0'..=b'9', part) => {
                    if *byte != b'0' {
                        let first = self.digits.map_or(self.at, |(first, _)| first);
                        self.digits = Some((first, self.at + 1));
                    }
                    match part {
                        DecimalPart::Whole if self.digits.is_some() => self.magnitude += 1,
                        DecimalPart::Fraction if self.digits.is_none() => self.magnitude -= 1,
                        _ => {}
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        *work = work.saturating_sub(part.len() * DIGIT);
        self.at >= text.len()
    }

    /// Where the first digit is that is not zero, once it was read.
    pub fn first_digit(&self) -> Option<usize> {
        self.digits.map(|(first, _)| first)
    }

    /// Sign and exponent of a number that is not zero; `None` if the exponent is beyond all measure.
    pub fn scale(&self) -> Option<(bool, i64)> {
        let exponent = if self.negative_exponent { -self.exponent } else { self.exponent };
        let exponent = exponent.checked_add(self.magnitude).filter(|_| !self.immense)?;
        Some((self.negative, exponent))
    }

    /// The digit at this place or behind the point there, and goes behind it.
    pub fn digit(&self, text: &[u8], at: &mut usize) -> Option<u8> {
        let (_, end) = self.digits?;
        let digits = text.get(*at..end)?;
        let point = usize::from(digits.first() == Some(&b'.'));
        *at += point + 1;
        digits.get(point).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Whatever work each step may do.
    fn equal(one: &[u8], other: &[u8]) -> bool {
        let results = [1, 2, 7, usize::MAX].map(|slice| {
            let mut comparison = NumberComparison::default();
            loop {
                if let Poll::Ready(equal) = comparison.step(one, other, &mut slice.clone()) {
                    break equal;
                }
            }
        });
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{results:?}");
        results[0]
    }

    #[test]
    fn numbers_are_equal_by_their_value() {
        for (a, b) in [
            ("1", "1.0"),
            ("0.1", "0.10"),
            ("0", "-0"),
            ("0", "0.000e99"),
            ("0", "-0e99999999999999999999"),
            ("1e3", "1000"),
            ("1E+3", "1000.0"),
            ("12.5e-1", "1.25"),
            ("0.001", "1e-3"),
            ("-10", "-1e1"),
            ("9007199254740993", "9007199254740993.0"),
            ("1e400", "10e399"),
            ("1e99999999999999999999", "1e99999999999999999999"),
            ("100.5e-00000000000000000000000000000000001", "10.05"),
            ("0.00120", "12e-4"),
        ] {
            assert!(equal(a.as_bytes(), b.as_bytes()), "{a} {b}");
            assert!(equal(b.as_bytes(), a.as_bytes()), "{b} {a}");
        }
    }

    #[test]
    fn numbers_that_a_float_would_round_together_differ() {
        for (a, b) in [
            ("9007199254740992", "9007199254740993"),
            ("0.1", "0.1000000000000000000001"),
            ("1", "-1"),
            ("1", "10"),
            ("0.1", "0.01"),
            ("1e400", "1e401"),
            ("1e99999999999999999999", "1e99999999999999999998"),
            ("0", "1e-400"),
            ("1.2", "12.0"),
            ("1.02", "1.2"),
            ("12", "1"),
        ] {
            assert!(!equal(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn shifting_the_point_changes_nothing(
            digits in "[0-9]{1,25}", point in 0..25usize, zeros in 0..4usize,
        ) {
            let digits = format!("1{digits}");
            let point = point.min(digits.len() - 1) + 1;
            let (whole, fraction) = digits.split_at(point);
            let shifted = format!("{whole}.{fraction}{}e{}", "0".repeat(zeros + 1), digits.len() - point);
            proptest::prop_assert!(equal(digits.as_bytes(), shifted.as_bytes()), "{digits} {shifted}");
        }

        #[test]
        fn integers_are_equal_exactly_if_they_are(a in proptest::num::i128::ANY, b in -3..4i128) {
            let (a, b) = (a / 16, a / 16 + b);
            proptest::prop_assert_eq!(equal(a.to_string().as_bytes(), format!("{b}.0").as_bytes()), a == b);
        }
    }
}
