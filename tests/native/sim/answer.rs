// SPDX-License-Identifier: Apache-2.0
//! Answers to copies: those of the shadow, and those that Envoy makes in its place.

use crate::host::{self, CALL_BODY, CALL_HEADERS, CALL_TRAILERS, Callout, Headers};

const SERVICE_TIME: &str = "x-envoy-upstream-service-time";
/// Stands for the time until the answer is delivered.
const SINCE_IT_WAS_SENT: &str = "since it was sent";

#[derive(Debug, Clone)]
pub struct Answer {
    headers: Headers,
    body: Vec<u8>,
    trailers: Headers,
}

impl Answer {
    /// An answer of the shadow.
    pub fn status(status: u16) -> Self {
        Self::of_envoy(status).header(SERVICE_TIME, SINCE_IT_WAS_SENT)
    }

    /// An answer that Envoy's router makes where the shadow does not.
    pub fn of_envoy(status: u16) -> Self {
        let headers = vec![(b":status".to_vec(), status.to_string().into())];
        Self { headers, body: b"upstream connect error".to_vec(), trailers: Vec::new() }
    }

    /// What Envoy's router makes of a failure of a gRPC request.
    pub fn of_envoy_to_grpc(message: &str) -> Self {
        Self::of_envoy(200)
            .header("content-type", "application/grpc")
            .header("grpc-status", "14")
            .header("grpc-message", message)
    }

    pub fn without_headers() -> Self {
        Self { headers: Vec::new(), body: Vec::new(), trailers: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name.as_bytes());
        self
    }

    pub(super) fn deliver(mut self, callout: &Callout) {
        for (name, value) in &mut self.headers {
            if name == SERVICE_TIME.as_bytes() && value == SINCE_IT_WAS_SENT.as_bytes() {
                let since = host::with(|host| host.now.saturating_sub(callout.at));
                *value = since.as_millis().to_string().into_bytes();
            }
        }
        let Callout { root, token, .. } = *callout;
        let (count, size, trailers) = (self.headers.len(), self.body.len(), self.trailers.len());
        let open = host::with(|host| {
            let open = host.open.remove(&token);
            if let Some(context) = host.contexts.get_mut(&root) {
                context.maps.insert(CALL_HEADERS, self.headers);
                context.buffers.insert(CALL_BODY, self.body);
                context.maps.insert(CALL_TRAILERS, self.trailers);
            }
            open
        });
        assert!(open, "a copy is answered once, and not after its root has ended");
        host::enter(root, || host::on_http_call_response(root, token, count, size, trailers));
    }
}
