// SPDX-License-Identifier: Apache-2.0
//! The control of a mirror: a mirror of its own, whose copies go to a cluster that runs the primary's version. It decides nothing.
//! Where the mirror makes a copy of a request that changes nothing, the control gets one too.

use crate::config::{MirrorConfig, control_name};
use crate::http::Head;
use crate::select::{Selection, Target};
use crate::transform::{Authority, Transform};

/// The settings of a mirror's control, if it has one.
///
/// The control is asked what the shadow is asked: the same header edits and redaction, which keep data from a cluster of copies and
/// may change the answer, the same scheme, retries, timeout and limits, so that both copies travel alike. It is addressed as the primary is,
/// whose version it runs: under the primary's authority and path.
pub fn settings(mirror: &MirrorConfig) -> Option<MirrorConfig> {
    let cluster = mirror.control.clone()?;
    let name = control_name(&mirror.name);
    Some(MirrorConfig {
        select: Selection { target: Target::Cluster(cluster), ..mirror.select.clone() },
        transform: Transform {
            marker: name.clone(),
            authority: Authority::Keep,
            path: None,
            ..mirror.transform.clone()
        },
        name,
        control: None,
        ..mirror.clone()
    })
}

/// Whether a request may be sent a second time to a cluster that does what the primary does: its method promises to change nothing
/// (RFC 9110, 9.2.1). CONNECT is never copied, and TRACE has nothing to compare.
pub fn may_have(head: &Head) -> bool {
    matches!(head.get(":method"), Some(b"GET" | b"HEAD" | b"OPTIONS"))
}
