// SPDX-License-Identifier: Apache-2.0
//! The primaries of both listeners, which always behave alike.

use std::time::Duration;

use anyhow::Result;
use harness::recording::Recorded;
use harness::upstream::{Reply, Upstream};
use tokio::time::sleep;

use super::fault::{Fault, Primary};

/// Of so many requests one is answered so.
type Replies = Vec<(u64, fn() -> Reply)>;

/// The header with the number of a request.
pub const NUMBER: &str = "x-number";
/// How long a primary that refuses does so, and does not.
const REFUSAL: Duration = Duration::from_millis(150);

pub struct Primaries {
    pub with: Upstream,
    pub without: Upstream,
}

impl Primaries {
    pub async fn start() -> Result<Self> {
        let this = Self { with: Upstream::http1().await?, without: Upstream::http1().await? };
        this.with.keep(0);
        this.without.keep(0);
        Ok(this)
    }

    /// From now on both answer by these faults. Each request has at most one.
    pub fn behave(&self, faults: &[&'static Fault]) {
        let replies: Replies = faults
            .iter()
            .filter_map(|fault| match fault.primary()? {
                Primary::Replies { every, reply } => Some((*every, *reply)),
                Primary::Refuses => None,
            })
            .collect();
        for primary in [&self.with, &self.without] {
            let replies = replies.clone();
            primary.respond_with(move |request| reply(request, &replies));
        }
    }

    /// For as long as it is asked, if one of the faults is that primaries refuse. Both serve in the end.
    pub async fn refuse(&self, faults: &[&'static Fault], until: impl Future<Output = ()>) -> Result<()> {
        if !faults.iter().any(|fault| matches!(fault.primary(), Some(Primary::Refuses))) {
            until.await;
            return Ok(());
        }
        let mut until = std::pin::pin!(until);
        loop {
            tokio::try_join!(self.with.stop(), self.without.stop())?;
            sleep(REFUSAL).await;
            tokio::try_join!(self.with.restart(), self.without.restart())?;
            tokio::select! {
                () = &mut until => return Ok(()),
                () = sleep(REFUSAL) => {}
            }
        }
    }
}

fn reply(request: &Recorded, replies: &Replies) -> Reply {
    let number =
        request.header_bytes(NUMBER).and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
    let fault = number.and_then(|number| {
        let at = (number as usize).checked_rem(replies.len())?;
        // Apart from which fault it is, so that each comes as often as it should.
        let turn = number / replies.len() as u64;
        replies.get(at).filter(|(every, _)| turn.is_multiple_of(*every))
    });
    match fault {
        Some((_, reply)) => reply(),
        None if request.path == super::crowd::LARGE => Reply::huge(1),
        None => Reply::status(200).body(request.body.clone()),
    }
}
