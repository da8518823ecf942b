// SPDX-License-Identifier: Apache-2.0
//! Why there is no verdict, as an exit code. They are those of sysexits.h, far from the verdict's own.

use std::process::ExitCode;

/// An error and what kind it is of.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    pub error: anyhow::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Usage,
    NoSuchMetrics,
    Unreachable,
    File,
}

impl Kind {
    pub fn of(self, error: impl Into<anyhow::Error>) -> Failure {
        Failure { kind: self, error: error.into() }
    }

    pub const fn code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::NoSuchMetrics => 65,
            Self::Unreachable => 69,
            Self::File => 74,
        }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        Self::from(failure.kind.code())
    }
}
