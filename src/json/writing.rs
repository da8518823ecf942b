// SPDX-License-Identifier: Apache-2.0
//! JSON text for strings and numbers.

/// Adds a string with its quotes.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(br"\n"),
            b'\t' => out.extend(br"\t"),
            0..0x20 => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend(br"\u00");
                out.extend([digit(byte >> 4), digit(byte & 0xf)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The digits of a number that has at most 15 of them, and at most 20 behind the point; `None` for any other. The standard library
/// writes every number, which takes 15 KB of module.
pub fn number(value: f64) -> Option<String> {
    const MOST: f64 = 1e15;
    const MOST_BEHIND: usize = 20;
    let sign = if value < 0.0 { "-" } else { "" };
    let size = value.abs();
    let (mut scale, mut behind) = (1.0, 0);
    while behind <= MOST_BEHIND {
        let digits = (size * scale).round();
        if digits.is_nan() || digits >= MOST {
            break;
        }
        let digits = format!("{:0width$}", digits as u64, width = behind + 1);
        let (whole, fraction) = digits.split_at_checked(digits.len() - behind)?;
        let text = if behind == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") };
        if text.parse() == Ok(size) {
            return Some(format!("{sign}{text}"));
        }
        (scale, behind) = (scale * 10.0, behind + 1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_string_is_what_a_reader_reads() {
        for text in ["", "v2", "\"\\/", "a\nb\tc\r\u{1}\u{1f}\u{7f}", "é😀"] {
            let mut out = Vec::new();
            put_string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (value, text) in [
            (0.0, Some("0")),
            (-0.0, Some("0")),
            (7.0, Some("7")),
            (-12.0, Some("-12")),
            (0.7, Some("0.7")),
            (-0.05, Some("-0.05")),
            (1.25e-7, Some("0.000000125")),
            (2.123_456_789_012_34, Some("2.12345678901234")),
            (999_999_999_999_999.0, Some("999999999999999")),
            (1e15, None),
            (9_007_199_254_740_993.0, None),
            (0.1 + 0.2, None),
            (1e-30, None),
            (1e300, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(number(value).as_deref(), text, "{value}");
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn fifteen_digits_come_back(digits in -999_999_999_999_999i64..1_000_000_000_000_000, behind in 0..16usize) {
            let text = format!("{}e-{behind}", digits);
            let value: f64 = text.parse().expect("a number");
            let written = number(value).expect("has its digits");
            proptest::prop_assert_eq!(serde_json::from_str::<f64>(&written).expect("JSON"), value);
        }
    }
}
