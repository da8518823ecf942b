// SPDX-License-Identifier: Apache-2.0
//! Headers that are not the request's own: they belong to the hop, to Envoy's router, or to this filter.

/// The header that marks a copy, with the mirror's name as its value.
pub const MARKER: &str = "x-shadow-mirror";

/// Headers with this prefix steer the router that sends the copy: timeouts, retries and more.
const ROUTER_PREFIX: &[u8] = b"x-envoy-";

/// Whether the configuration may not set the header.
pub fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(b":") || name == b"te" || name == b"content-length" || is_never_copied(name)
}

/// Whether a header of a request is not handed on to a copy with a body of this length.
pub fn ends_here(name: &[u8], value: &[u8], body_len: usize) -> bool {
    // Nearly all headers begin with another letter.
    if !matches!(name.first(), Some(b'c' | b'e' | b'h' | b'k' | b'p' | b't' | b'u' | b'x')) {
        return false;
    }
    match name {
        b"te" => !value.trim_ascii().eq_ignore_ascii_case(b"trailers"),
        b"content-length" => {
            let text = std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'));
            text.and_then(|text| text.parse().ok()) != Some(body_len)
        }
        _ => is_never_copied(name),
    }
}

fn is_never_copied(name: &[u8]) -> bool {
    matches!(
        name,
        b"host"
            | b"connection"
            | b"keep-alive"
            | b"proxy-connection"
            | b"transfer-encoding"
            | b"upgrade"
            | b"expect"
    ) || name == MARKER.as_bytes()
        || name.starts_with(ROUTER_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_the_filter_and_the_hop_own_is_reserved() {
        for name in
            [":path", "host", "te", "content-length", "connection", "upgrade", "x-envoy-retry-on", MARKER]
        {
            assert!(is_reserved(name.as_bytes()), "{name}");
        }
        for name in ["x-shadow", "authorization", "content-type", "x-envoy", "trailer"] {
            assert!(!is_reserved(name.as_bytes()), "{name}");
        }
    }
}
