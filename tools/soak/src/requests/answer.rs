// SPDX-License-Identifier: Apache-2.0
//! What the primary does with an exchange.

use std::time::Duration;

use harness::upstream::Reply;

use super::case::{Answer, AnswerEnd};

/// Where an answer breaks off.
const HALF: u32 = 2;

/// RST_STREAM with INTERNAL_ERROR.
const INTERNAL_ERROR: u32 = 2;

impl Answer {
    /// Over HTTP/2 nothing is answered that breaks the connection: other exchanges are on it.
    pub fn reply(&self, http2: bool) -> Reply {
        match self.end {
            AnswerEnd::Reset | AnswerEnd::Closed | AnswerEnd::Garbled | AnswerEnd::Hints if http2 => {
                Reply::reset_stream(INTERNAL_ERROR)
            }
            AnswerEnd::Last if http2 => self.whole(),
            AnswerEnd::ResetInBody | AnswerEnd::ClosedInBody if http2 => {
                self.whole().reset_stream_after((self.body / HALF).into(), INTERNAL_ERROR)
            }
            AnswerEnd::Reset => Reply::reset(),
            AnswerEnd::Closed => Reply::close(),
            AnswerEnd::Garbled => Reply::garbled(),
            AnswerEnd::Hints => Reply::raw(
                "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate",
            ),
            AnswerEnd::Whole | AnswerEnd::Early => self.whole(),
            AnswerEnd::Last => self.whole().connection_close(),
            AnswerEnd::Dripping => {
                let piece = self.body.div_ceil(4).max(1) as usize;
                self.whole().drip(piece, Duration::from_millis(3))
            }
            AnswerEnd::ResetInBody => self.whole().reset_after((self.body / HALF).into()),
            AnswerEnd::ClosedInBody => self.whole().close_after((self.body / HALF).into()),
        }
    }

    fn whole(&self) -> Reply {
        // A body behind such a status breaks a connection of HTTP/2.
        let bodyless = matches!(self.status, 204 | 304);
        let mut reply = Reply::status(self.status).body_of_size(if bodyless { 0 } else { self.body.into() });
        for (name, value) in &self.headers {
            reply = reply.header(name, value);
        }
        if self.chunked {
            reply = reply.chunked();
        }
        if self.trailer {
            reply = reply.trailer("x-sum", "1");
        }
        reply
    }
}
