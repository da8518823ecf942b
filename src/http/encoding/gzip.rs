// SPDX-License-Identifier: Apache-2.0
//! The members of a gzip file (RFC 1952), one after the other.

use std::task::Poll;

use super::inflate::{Inflated, Inflater};

const CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// Most bytes that are decoded before they are summed up.
const MOST_INFLATED: usize = 8192;
/// Work of a byte that is summed up.
const SUM: usize = 4;

/// Where in a member the next byte is.
#[derive(Debug, Clone, Copy, Default)]
pub enum Gunzip {
    #[default]
    Header,
    /// Texts that end with a zero, and what may follow them.
    Texts {
        count: u8,
        checksum: bool,
    },
    /// The sum of what was written, and up to where that is.
    Data {
        sum: u32,
        summed: usize,
    },
    Trailer {
        sum: u32,
    },
}

impl Gunzip {
    /// Continues. `false` if the body is broken, or too long when decoded.
    pub fn step(&mut self, body: &[u8], inflater: &mut Inflater, work: &mut usize) -> Poll<bool> {
        while *work > 0 {
            if matches!(self, Self::Header) && inflater.read() >= body.len() {
                return Poll::Ready(true);
            }
            if self.advance(body, inflater, work).is_none() {
                return Poll::Ready(false);
            }
        }
        Poll::Pending
    }

    fn advance(&mut self, body: &[u8], inflater: &mut Inflater, work: &mut usize) -> Option<()> {
        let rest = body.get(inflater.read()..)?;
        match *self {
            Self::Header => {
                let ([0x1f, 0x8b, 8, flags, ..], behind) = rest.split_first_chunk::<10>()? else {
                    return None;
                };
                inflater.skip(10);
                if flags & EXTRA != 0 {
                    let (length, behind) = behind.split_first_chunk::<2>()?;
                    let length = usize::from(u16::from_le_bytes(*length));
                    behind.get(length..)?;
                    inflater.skip(2 + length);
                }
                let count = u8::from(flags & NAME != 0) + u8::from(flags & COMMENT != 0);
                *self = Self::Texts { count, checksum: flags & CHECKSUM != 0 };
            }
            Self::Texts { count: 0, checksum } => {
                inflater.skip(if checksum { 2 } else { 0 });
                inflater.begin(work);
                *self = Self::Data { sum: !0, summed: inflater.written().len() };
            }
            Self::Texts { count, checksum } => {
                let window = rest.get(..*work).unwrap_or(rest);
                let end = window.iter().position(|byte| *byte == 0);
                *self = Self::Texts { count: if end.is_some() { count - 1 } else { count }, checksum };
                let read = end.map_or(window.len(), |end| end + 1);
                inflater.skip(read);
                *work = work.saturating_sub(read);
                if end.is_none() && window.len() == rest.len() {
                    return None;
                }
            }
            Self::Data { sum, summed } => {
                let most = (*work / (SUM + 1) + 1).min(MOST_INFLATED);
                let mut left = most;
                let inflated = inflater.step(body, false, &mut left);
                let new = inflater.written().get(summed..)?;
                *work = work.saturating_sub(most - left).saturating_sub(new.len() * SUM);
                let sum = crc32(sum, new);
                let summed = summed + new.len();
                *self = match inflated {
                    Inflated::More => Self::Data { sum, summed },
                    Inflated::End => Self::Trailer { sum: !sum },
                    Inflated::Broken => return None,
                };
            }
            Self::Trailer { sum } => {
                let [found @ .., _, _, _, _] = *rest.first_chunk::<8>()?;
                if u32::from_le_bytes(found) != sum {
                    return None;
                }
                inflater.skip(8);
                *self = Self::Header;
            }
        }
        Some(())
    }
}

/// The checksum of gzip, half a byte at a time.
fn crc32(sum: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = [
        0x0000_0000,
        0x1db7_1064,
        0x3b6e_20c8,
        0x26d9_30ac,
        0x76dc_4190,
        0x6b6b_51f4,
        0x4db2_6158,
        0x5005_713c,
        0xedb8_8320,
        0xf00f_9344,
        0xd6d6_a3e8,
        0xcb61_b38c,
        0x9b64_c2b0,
        0x86d3_d2d4,
        0xa00a_e278,
        0xbdbd_f21c,
    ];
    let half = |sum: u32| sum >> 4 ^ TABLE.get((sum & 15) as usize).copied().unwrap_or_default();
    bytes.iter().fold(sum, |sum, byte| half(half(sum ^ u32::from(*byte))))
}
