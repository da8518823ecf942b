// SPDX-License-Identifier: Apache-2.0
//! One mirror: the settings of every stage, and the name under which they are counted.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::reader::Node;
use super::shown::Excerpt;
use super::{admission, capture, compare, fields, keys, select, transform};
use crate::admission::{BreakerSettings, Limits};
use crate::capture::BodyPolicy;
use crate::compare::Rules;
use crate::select::{Selection, Target};
use crate::transform::Transform;

/// Most characters of a name.
pub const MAX_NAME: usize = 64;
const SEND: [(&str, SendAt); 2] = [("request_end", SendAt::RequestEnd), ("primary_end", SendAt::PrimaryEnd)];
const NAME: &str = "1 to 64 characters of A-Z, a-z, 0-9, _ and -";

/// When a copy leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SendAt {
    /// When its request was read whole.
    #[default]
    RequestEnd,
    /// When the primary's exchange is over: the request is then as the router has sent it.
    PrimaryEnd,
}

/// The settings of one mirror, stage by stage.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorConfig {
    /// 1 to 64 of `[A-Za-z0-9_-]`: label of the metrics and value of the marker.
    pub name: String,
    pub select: Selection,
    pub body: BodyPolicy,
    pub transform: Transform,
    pub send: SendAt,
    /// Above 0, at most an hour, whole milliseconds.
    pub timeout: Duration,
    pub limits: Limits,
    /// `None` if it is off.
    pub breaker: Option<BreakerSettings>,
    /// Everything but the sending.
    pub dry_run: bool,
    /// What of the two answers is compared; `None`: nothing.
    pub compare: Option<Rules>,
    /// The cluster that gets a second copy of some requests, for the noise in what is compared.
    pub control: Option<String>,
}

impl MirrorConfig {
    pub(super) fn read(node: &Node) -> Option<Self> {
        let object = node.object(keys::MIRROR)?;
        let name = object.or("name", None, |node| read_name(node).map(Some));
        let send = object.or("send", SendAt::default(), |node| node.one_of(&SEND));
        let select = select::read(&object, send.map(|send| send == SendAt::PrimaryEnd));
        let timeout = object.or("timeout", Duration::from_secs(5), fields::duration);
        let transform = transform::read(&object, timeout);
        let body = object.or("body", BodyPolicy::default(), capture::body);
        let limits = object.or("limits", Limits::default(), admission::limits);
        let breaker = object.or("breaker", Some(BreakerSettings::default()), admission::breaker);
        let dry_run = object.or("dry_run", false, |node| node.bool());
        let target = select.as_ref().map(|select| &select.target);
        let name = name.and_then(|name| name.or_else(|| target.map(default_name_for)));
        let compare = object.or("compare", (None, None), |node| {
            compare::read(node, name.as_deref(), target).map(|(rules, control)| (Some(rules), control))
        });
        let (select, transform, name) = (select?, transform?, name?);
        let (compare, control) = compare?;
        Some(Self {
            transform: Transform { marker: name.clone(), ..transform },
            name,
            select,
            body: body?,
            send: send?,
            timeout: timeout?,
            limits: limits?,
            breaker: breaker?,
            dry_run: dry_run?,
            compare,
            control,
        })
    }
}

impl fmt::Display for MirrorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of requests to ", self.select.percentage)?;
        match &self.select.target {
            Target::Cluster(cluster) => write!(f, "cluster {cluster}")?,
            Target::Header { name, allowed } => {
                write!(f, "the cluster in {name}, one of {}", allowed.join(", "))?;
            }
        }
        write!(f, " as {}", self.name)?;
        if let Some(cluster) = &self.control {
            write!(f, ", and again to cluster {cluster} as {}", control_name(&self.name))?;
        }
        if self.dry_run { f.write_str(", without sending any") } else { Ok(()) }
    }
}

/// Notes every mirror whose name an earlier one has, whatever else is wrong with either.
pub(super) fn check_unique(mirrors: &[Node]) {
    let names = |node| name_of(node).into_iter().chain(name_of_control(node)).map(move |name| (node, name));
    let named: Vec<_> = mirrors.iter().flat_map(names).collect();
    let mut names = BTreeSet::new();
    for (node, name) in &named {
        if !names.insert(name.as_str()) {
            node.fault(
                format_args!("the name {} a second time", Excerpt(name)),
                "a name of its own for each mirror (the default is made of the cluster's) and each control",
            );
        }
    }
}

/// The name that a mirror has or gets, if that much of it is sound.
fn name_of(mirror: &Node) -> Option<String> {
    match mirror.text_at("name") {
        Some(name) => Some(name.to_owned()),
        None => {
            mirror.text_at("cluster").or_else(|| mirror.text_in("cluster_header", "name")).map(default_name)
        }
    }
}

fn name_of_control(mirror: &Node) -> Option<String> {
    if mirror.has_in("compare", "control") { name_of(mirror).map(|name| control_name(&name)) } else { None }
}

/// The name under which the copies for a mirror's control are counted.
pub fn control_name(mirror: &str) -> String {
    format!("{mirror}-control")
}

fn read_name(node: &Node) -> Option<String> {
    match node.as_str() {
        Some(name) if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_name) => {
            Some(name.to_owned())
        }
        _ => node.refuse(NAME),
    }
}

fn default_name_for(target: &Target) -> String {
    match target {
        Target::Cluster(cluster) => default_name(cluster),
        Target::Header { name, .. } => default_name(name),
    }
}

fn default_name(cluster: &str) -> String {
    cluster.chars().map(|c| if is_name(c) { c } else { '_' }).take(MAX_NAME).collect()
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-'
}
