// SPDX-License-Identifier: Apache-2.0
//! The cluster that gets a mirror's copies.

use crate::http::Head;

/// Most clusters that a request may choose from.
pub const MAX_ALLOWED: usize = u64::BITS as usize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Cluster(String),
    /// The request names it, among those that are allowed: 1 to [`MAX_ALLOWED`].
    Header {
        /// In lower case. The first of several counts.
        name: String,
        allowed: Vec<String>,
    },
}

impl Target {
    /// How many clusters it may be.
    pub fn count(&self) -> usize {
        match self {
            Self::Cluster(_) => 1,
            Self::Header { allowed, .. } => allowed.len(),
        }
    }

    /// The cluster with this index.
    pub fn name(&self, index: usize) -> &str {
        match self {
            Self::Cluster(cluster) => cluster,
            Self::Header { allowed, .. } => allowed.get(index).map_or("", String::as_str),
        }
    }

    /// The cluster for a request, with its index among those of this target. `None`: it names none that is allowed.
    pub fn of<'a>(&'a self, head: &Head) -> Option<(usize, &'a str)> {
        match self {
            Self::Cluster(cluster) => Some((0, cluster)),
            Self::Header { name, allowed } => {
                let wanted = head.get(name)?;
                let mut allowed = allowed.iter().map(String::as_str).enumerate();
                allowed.find(|(_, cluster)| cluster.as_bytes() == wanted)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::head;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_request_chooses_among_what_is_allowed() {
        let target = Target::Header { name: "x-to".into(), allowed: vec!["a".into(), "b|1".into()] };
        for (headers, cluster) in [
            (&[("x-to", "b|1")][..], Some((1, "b|1"))),
            (&[("x-to", "a"), ("x-to", "c")], Some((0, "a"))),
            (&[("x-to", "c"), ("x-to", "a")], None),
            (&[("x-to", "A")], None),
            (&[("x-to", "a,b|1")], None),
            (&[("x-to", "")], None),
            (&[], None),
        ] {
            assert_eq!(target.of(&head(headers)), cluster, "{headers:?}");
        }
        assert_eq!(Target::Cluster("c".into()).of(&head(&[])), Some((0, "c")));
    }
}
