// SPDX-License-Identifier: Apache-2.0
//! Header edits as values: remove, then set, then add.

/// What a mirror does to the headers of its copies. Names are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    pub remove: Vec<NamePattern>,
    /// In place of every value under the name.
    pub set: Vec<(Vec<u8>, Vec<u8>)>,
    /// Behind the values under the name.
    pub add: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Which headers to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamePattern {
    Name(Vec<u8>),
    Prefix(Vec<u8>),
    /// All of [`CREDENTIALS`].
    Credentials,
}

/// Headers in which credentials are sent, in lower case: what `$credentials` stands for.
pub const CREDENTIALS: [&str; 16] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-access-token",
    "x-amz-security-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-goog-iap-jwt-assertion",
    "x-forwarded-client-cert",
    "x-forwarded-access-token",
    "x-vault-token",
    "x-gitlab-token",
    "x-functions-key",
];

impl HeaderEdits {
    /// Whether a header of the request is removed or replaced.
    pub fn drop(&self, name: &[u8]) -> bool {
        self.remove.iter().any(|pattern| pattern.matches(name)) || self.set.iter().any(|(set, _)| set == name)
    }

    /// The headers that stand behind the request's.
    pub fn values(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.set.iter().chain(&self.add).map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// How many headers it adds at most.
    pub fn most_added(&self) -> usize {
        self.set.len() + self.add.len()
    }

    /// Upper bound of the bytes that it adds to a serialized header block.
    pub fn most_growth(&self) -> usize {
        self.values().map(|(name, value)| name.len() + value.len() + 10).sum()
    }
}

impl NamePattern {
    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(exact) => exact == name,
            Self::Prefix(prefix) => name.starts_with(prefix),
            Self::Credentials => CREDENTIALS.iter().any(|header| header.as_bytes() == name),
        }
    }
}
