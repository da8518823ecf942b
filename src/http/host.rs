// SPDX-License-Identifier: Apache-2.0
//! The host of a request, in the one spelling by which hosts are compared.

use std::borrow::Cow;

/// An authority in lower case, without the port that is the scheme's default and without the dot behind a name.
pub fn normal<'a>(authority: &'a [u8], scheme: Option<&[u8]>) -> Cow<'a, [u8]> {
    let default: &[u8] = match scheme {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"https") => b":443",
        Some(_) => b":80",
        // Either may be meant.
        None => b"",
    };
    let ports = [b":80".as_slice(), b":443"];
    let stripped = ports.iter().filter(|port| default.is_empty() || **port == default);
    let host = stripped.filter_map(|port| authority.strip_suffix(*port)).next().unwrap_or(authority);
    let (host, port) = match host.iter().rposition(|byte| *byte == b':') {
        // A colon within the brackets of an IPv6 address is none of a port.
        Some(colon) if !host.ends_with(b"]") => host.split_at_checked(colon).unwrap_or((host, b"")),
        _ => (host, b"".as_slice()),
    };
    let name = host.strip_suffix(b".").unwrap_or(host);
    if name.len() + port.len() == authority.len() && !authority.iter().any(u8::is_ascii_uppercase) {
        return authority.into();
    }
    [name, port].concat().to_ascii_lowercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn one_host_has_one_spelling() {
        for (authority, scheme, host) in [
            ("shop.test", Some("http"), "shop.test"),
            ("SHOP.test", Some("http"), "shop.test"),
            ("shop.test.", Some("http"), "shop.test"),
            ("shop.test:80", Some("http"), "shop.test"),
            ("Shop.Test.:80", Some("http"), "shop.test"),
            ("shop.test:443", Some("https"), "shop.test"),
            ("shop.test:80", Some("https"), "shop.test:80"),
            ("shop.test:443", Some("http"), "shop.test:443"),
            ("shop.test:443", None, "shop.test"),
            ("shop.test.:8080", Some("http"), "shop.test:8080"),
            ("[::1]:80", Some("http"), "[::1]"),
            ("[::1]", Some("http"), "[::1]"),
            ("[FE80::1]:8080", Some("http"), "[fe80::1]:8080"),
            ("", None, ""),
        ] {
            let found = normal(authority.as_bytes(), scheme.map(str::as_bytes));
            assert_eq!(*found, *host.as_bytes(), "{authority} {scheme:?}");
        }
    }
}
