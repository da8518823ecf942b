// SPDX-License-Identifier: Apache-2.0
//! Numbers to the last digit.

/// 0.`digits` × 10^`exponent`, without zeros at either end. Zero has no digits.
#[derive(Debug, Clone)]
pub struct Decimal {
    pub negative: bool,
    pub digits: String,
    /// `None` if it is beyond what any program reads.
    pub exponent: Option<i64>,
    text: String,
}

const FARTHEST: i64 = 1 << 60;

impl Decimal {
    pub fn of(text: &str) -> Self {
        let (sign, rest) = text.split_at(usize::from(text.starts_with('-')));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let point = mantissa.find('.').unwrap_or(mantissa.len());
        let all: String = mantissa.chars().filter(|character| *character != '.').collect();
        let significant = all.trim_start_matches('0');
        let zeros = all.len() - significant.len();
        let digits = significant.trim_end_matches('0').to_owned();
        let exponent = exponent.parse::<i64>().ok().filter(|exponent| exponent.abs() < FARTHEST);
        let exponent = exponent.map(|exponent| exponent + point as i64 - zeros as i64);
        let (negative, exponent) = match digits.is_empty() {
            true => (false, Some(0)),
            false => (!sign.is_empty(), exponent),
        };
        Self { negative, digits, exponent, text: text.to_owned() }
    }

    /// Whether it is the same number; `None` if that is beyond this model.
    pub fn is(&self, other: &Self) -> Option<bool> {
        if self.text == other.text {
            return Some(true);
        }
        let (one, another) = (self.exponent?, other.exponent?);
        Some((self.negative, &self.digits, one) == (other.negative, &other.digits, another))
    }

    /// Spelled with the point behind so many digits, with zeros at both ends of the exponent and of the fraction.
    pub fn spelled(&self, point: usize, zeros: usize, upper: bool) -> String {
        let Some(exponent) = self.exponent else { return self.text.clone() };
        let sign = if self.negative { "-" } else { "" };
        let (letter, padding) = (if upper { 'E' } else { 'e' }, "0".repeat(zeros));
        if self.digits.is_empty() {
            return ["0", "-0", "0.0", "-0.00e7", "0E+5"][point % 5].to_owned();
        }
        // A small whole number mostly has its own spelling.
        if point % 4 == 0 && (self.digits.len() as i64..30).contains(&exponent) {
            let whole = format!("{:0<1$}", self.digits, exponent as usize);
            return if zeros == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{padding}") };
        }
        let point = 1 + point % self.digits.len();
        let (whole, fraction) = self.digits.split_at(point);
        let exponent = exponent - point as i64;
        let (plus, exponent) = match exponent < 0 {
            true => ("-", -exponent),
            false => (if upper { "+" } else { "" }, exponent),
        };
        let fraction = match fraction.is_empty() && zeros == 0 {
            true => String::new(),
            false => format!(".{fraction}{padding}"),
        };
        format!("{sign}{whole}{fraction}{letter}{plus}{padding}{exponent}")
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.is(other) == Some(true)
    }
}
