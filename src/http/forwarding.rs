// SPDX-License-Identifier: Apache-2.0
//! Whether an upstream has answered a request, by what Envoy says of the exchange when it is over.
//!
//! Its [details](https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details) name what the
//! exchange ended with. So an answer of an upstream that came whole, or that the upstream broke off, is told by them. Where something
//! else ended it, a timeout or the client, they say only that; then the headers of the answer tell.

/// The names of properties, as the ABI spells paths.
pub const RESPONSE_CODE_DETAILS: &str = "response\0code_details";
pub const RESPONSE_CODE: &str = "response\0code";
pub const UPSTREAM_ADDRESS: &str = "upstream\0address";

/// What the details of an exchange say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// An upstream has answered, or begun to.
    Answered,
    /// An upstream has answered with a redirect that Envoy follows itself. The headers are those of the next request by now.
    Redirected,
    /// Only if the answer has a header that Envoy's router puts on an upstream's.
    Perhaps,
}

pub fn forwarded(details: &[u8]) -> Forwarded {
    match details {
        b"via_upstream" => Forwarded::Answered,
        b"internal_redirect" => Forwarded::Redirected,
        _ if details.starts_with(b"upstream_reset_after_response_started") => Forwarded::Answered,
        _ => Forwarded::Perhaps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn details_tell_an_upstreams_answer_from_one_of_envoy() {
        for (details, expected) in [
            ("via_upstream", Forwarded::Answered),
            ("upstream_reset_after_response_started{protocol_error}", Forwarded::Answered),
            ("internal_redirect", Forwarded::Redirected),
            ("upstream_reset_before_response_started{connection_termination}", Forwarded::Perhaps),
            ("response_timeout", Forwarded::Perhaps),
            ("downstream_remote_disconnect", Forwarded::Perhaps),
            ("route_not_found", Forwarded::Perhaps),
            ("direct_response", Forwarded::Perhaps),
            ("rbac_access_denied_matched_policy[p]", Forwarded::Perhaps),
            ("", Forwarded::Perhaps),
        ] {
            assert_eq!(forwarded(details.as_bytes()), expected, "{details}");
        }
    }
}
