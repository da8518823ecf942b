// SPDX-License-Identifier: Apache-2.0
//! Numbers as they are read.

pub fn time(milliseconds: f64) -> String {
    match milliseconds {
        ms if ms.is_infinite() => "∞".into(),
        ms if ms.abs() >= 1000.0 => format!("{} s", trimmed((ms / 10.0).round() / 100.0)),
        ms if ms.abs() >= 10.0 => format!("{ms:.0} ms"),
        ms if ms.abs() >= 1.0 => format!("{} ms", trimmed((ms * 10.0).round() / 10.0)),
        // No minus before a zero.
        ms => format!("{:.0} µs", (ms * 1000.0).round() + 0.0),
    }
}

pub fn percent((hits, of): (u64, u64)) -> String {
    if of == 0 { "none".into() } else { format!("{} %", share(hits as f64 / of as f64 * 100.0)) }
}

/// A number of per cent: two digits behind the point where it is small, none where those would be noise.
pub fn share(percent: f64) -> String {
    if percent >= 10.0 { format!("{percent:.0}") } else { format!("{percent:.2}") }
}

pub fn signed(value: f64) -> String {
    // No minus before a zero.
    let value = if value.abs() < 0.005 { 0.0 } else { value };
    format!("{value:+.2}").replace('-', "−")
}

pub fn trimmed(value: f64) -> String {
    format!("{value}")
}

pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub fn count(number: u64, what: &str) -> String {
    let plural = match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    };
    format!("{} {}", thousands(number), if number == 1 { what } else { &plural })
}

/// Two digits are all that an outlook is worth.
pub fn rounded(count: u64) -> u64 {
    let scale = 10_u64.saturating_pow(count.max(1).ilog10().saturating_sub(1));
    count.div_ceil(scale).saturating_mul(scale)
}

pub fn enumeration(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

pub fn capital(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(time(0.0), "0 µs");
        assert_eq!(time(-0.0004), "0 µs");
        assert_eq!(time(0.2), "200 µs");
        assert_eq!(time(2.04), "2 ms");
        assert_eq!(time(9.96), "10 ms");
        assert_eq!(time(1200.0), "1.2 s");
        assert_eq!(signed(-0.0001), "+0.00");
        assert_eq!(signed(-0.25), "−0.25");
        assert_eq!(percent((59, 100)), "59 %");
        assert_eq!(percent((1, 200)), "0.50 %");
        assert_eq!(rounded(0), 0);
        assert_eq!(rounded(7), 7);
        assert_eq!(rounded(1234), 1300);
        assert_eq!(count(1, "copy"), "1 copy");
        assert_eq!(count(2, "copy"), "2 copies");
        assert_eq!(enumeration(&["a", "b", "c"]), "a, b and c");
    }
}
