// SPDX-License-Identifier: Apache-2.0
//! Text to settings, with all errors at once. Each reader makes the settings of one stage. Knows nothing of run time.
//!
//! [`Config`] is only made by [`Config::parse`], so every range and name in one is valid.
//! Parsing reports every fault of a configuration, not just the first.

mod admission;
mod capture;
mod compare;
mod document;
mod fault;
mod fields;
pub mod keys;
mod mirror;
mod reader;
mod select;
mod shown;
mod transform;

#[cfg(test)]
mod tests;

pub use self::fault::Fault;
pub use self::mirror::{MirrorConfig, SendAt, control_name};

use self::document::Document;
use self::reader::{Faults, Node, Path};
use crate::capture::MAX_BUFFERED_BYTES;

/// Most mirrors that one configuration may have.
pub const MAX_MIRRORS: usize = 16;

/// A valid configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// At most [`MAX_MIRRORS`], with unique names. Without any, nothing is mirrored.
    pub mirrors: Vec<MirrorConfig>,
    /// Requests that carry the marker of a mirror are not mirrored again.
    pub loop_guard: bool,
    /// Most bytes that one worker holds for copies.
    pub max_buffered_bytes: usize,
    /// Whether the names of the mirrors are left in the primary's filter state.
    pub annotate: bool,
}

impl Config {
    /// Reads a plugin configuration as Envoy hands it over: JSON, or a serialized `google.protobuf.Struct`.
    ///
    /// # Errors
    /// All faults, in the order of the document.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        let document = Document::decode(bytes).map_err(|fault| vec![fault])?;
        let faults = Faults::default();
        let config = Self::read(&Node::new(&document, Path::Root, &faults));
        match (config, faults.into_vec()) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(faults),
        }
    }

    fn read(node: &Node) -> Option<Self> {
        let object = node.object(keys::TOP)?;
        let mirrors = object.required("mirrors", "a list of at most 16 mirrors", read_mirrors);
        let loop_guard = object.or("loop_guard", true, |node| node.bool());
        let max_buffered_bytes = object.or("max_buffered_bytes", 32 << 20, |node| {
            node.integer(1, MAX_BUFFERED_BYTES).map(fields::to_usize)
        });
        let annotate = object.or("annotate", false, |node| node.bool());
        Some(Self {
            mirrors: mirrors?,
            loop_guard: loop_guard?,
            max_buffered_bytes: max_buffered_bytes?,
            annotate: annotate?,
        })
    }
}

fn read_mirrors(node: &Node) -> Option<Vec<MirrorConfig>> {
    const EXPECTED: &str = "a list of at most 16 mirrors";
    let items = node.list(EXPECTED)?;
    let mirrors: Vec<Option<MirrorConfig>> = items.iter().map(MirrorConfig::read).collect();
    mirror::check_unique(&items);
    if items.len() > MAX_MIRRORS {
        node.fault(format_args!("{} mirrors", items.len()), EXPECTED);
        return None;
    }
    mirrors.into_iter().collect()
}
