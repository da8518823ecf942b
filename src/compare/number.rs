// SPDX-License-Identifier: Apache-2.0
//! Whether two JSON numbers are the same, to the last digit: `1` and `1.0` are, and 2^53 and 2^53 + 1 are not.

/// Compares numbers as JSON spells them.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a == b || matches!((Decimal::of(a), Decimal::of(b)), (Some(a), Some(b)) if a == b)
}

/// A number in the one spelling that is only its own: 0.`digits` × 10^`exponent`, without zeros at either end.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    /// Zero has no sign.
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// `None` if the exponent is beyond all measure.
    fn of(text: &[u8]) -> Option<Self> {
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut parts = text.splitn(2, |byte| matches!(byte, b'e' | b'E'));
        let mantissa = parts.next().unwrap_or_default();
        let mut halves = mantissa.splitn(2, |byte| *byte == b'.');
        let (whole, fraction) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        let digits = [whole, fraction].concat();
        let Some(zeros) = digits.iter().position(|digit| *digit != b'0') else {
            // Zero, whatever its exponent.
            return Some(Self { negative: false, digits: Vec::new(), exponent: 0 });
        };
        let exponent: i64 = match parts.next() {
            Some(exponent) => std::str::from_utf8(exponent).ok()?.parse().ok()?,
            None => 0,
        };
        let exponent = exponent.checked_add(i64::try_from(whole.len()).ok()?)?;
        let exponent = exponent.checked_sub(i64::try_from(zeros).ok()?)?;
        let end = digits.iter().rposition(|digit| *digit != b'0').map_or(zeros, |last| last + 1);
        Some(Self { negative, digits: digits.get(zeros..end)?.into(), exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

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
