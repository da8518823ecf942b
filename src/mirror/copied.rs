// SPDX-License-Identifier: Apache-2.0
//! The mirrors and controls for which copies of a request were made, and their names for the primary's access log.

use std::rc::Rc;

use super::policy::Policy;
use super::running::Mirror;
use super::set::MirrorSet;
use crate::http::Head;

#[derive(Debug)]
pub struct Copied {
    pub(super) policy: Rc<Policy>,
    /// As it came in.
    pub(super) head: Rc<Head>,
    /// Those of which Envoy took a copy before.
    pub(super) earlier: MirrorSet,
    pub(super) mirrors: MirrorSet,
}

impl Copied {
    /// The mirrors that have a copy. One that Envoy has refused by now is none.
    pub fn taken(&self) -> MirrorSet {
        let Self { policy, head, earlier, mirrors } = self;
        let was_refused = |mirror: &Mirror| {
            mirror.select.target.of(head).is_some_and(|(target, _)| mirror.was_refused(target))
        };
        earlier.or(mirrors.filter(&policy.mirrors, |mirror| !was_refused(mirror)))
    }

    /// Their names for the primary's access log, if they are wanted there.
    pub fn annotation(&self) -> Option<String> {
        if !self.policy.annotate {
            return None;
        }
        let taken = self.taken();
        let names = taken.with_controls(&self.policy.mirrors).map(|mirror| mirror.name.as_str());
        let names: Vec<_> = names.collect();
        (!names.is_empty()).then(|| names.join(","))
    }
}
