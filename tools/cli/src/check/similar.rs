// SPDX-License-Identifier: Apache-2.0
//! Names that somebody may have meant.

/// The nearest of some names, if it is near: a letter in three may differ, and case and `-` for `_` do not count.
pub fn to<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '.', ' '], "-");
    let wanted = plain(wanted);
    let distance = |name: &str| strsim::osa_distance(&wanted, &plain(name));
    let near = names.into_iter().map(|name| (distance(name), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= wanted.chars().count().max(3)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let names = ["shop-v2", "primary", "payments"];
        for (wanted, name) in [
            ("shop_v2", Some("shop-v2")),
            ("Shop.V2", Some("shop-v2")),
            ("shopv2", Some("shop-v2")),
            ("pirmary", Some("primary")),
            ("shadow", None),
            ("", None),
        ] {
            assert_eq!(to(wanted, names), name, "{wanted}");
        }
        assert_eq!(to("a", []), None);
    }
}
