// SPDX-License-Identifier: Apache-2.0
//! One comparison of two answers, in steps of bounded work.

use std::task::Poll;

use super::body_side::{self, BodySide};
use super::difference::{Difference, DifferenceKind, SideValue};
use super::findings::Findings;
use super::hash::HashKey;
use super::json::{HashContext, NoMemory, Treatment, TreeComparison};
use super::noise::{self, Noise, Place};
use super::order::ByteOrder;
use super::rules::{BodyRule, Rules};
use super::{Observed, Verdict};

/// Bytes of header blocks that are looked through for the work of reading one.
const LOOKED: usize = 2;

/// A comparison that has begun.
#[derive(Debug)]
pub struct Comparison {
    key: HashKey,
    stage: Stage,
    findings: Findings,
    primary: BodySide,
    shadow: BodySide,
}

#[derive(Debug)]
enum Stage {
    Status,
    /// The header with this index among those of the rules is next.
    Headers(usize),
    /// Whether the bodies are the same to the byte, as they came.
    Encoded(ByteOrder),
    Decode,
    /// The same of the decoded bodies.
    Bytes(ByteOrder),
    Read,
    Values(TreeComparison),
}

impl Comparison {
    /// `list`: whether differences will be shown, not only their kinds. `key`: for the hashes by which elements of unordered lists
    /// are compared.
    pub fn new(list: bool, key: HashKey) -> Self {
        Self::with(Findings::plain(list), BodySide::default(), key)
    }

    /// One of the primary with its control, which is in the place of the shadow.
    pub fn of_control(key: HashKey) -> Self {
        Self::with(Findings::gathering(), BodySide::default(), key)
    }

    /// One of the same primary with the shadow. Where the control differs from the primary, the shadow does not differ.
    pub fn without(mut noise: Noise, list: bool, key: HashKey) -> Self {
        let primary = noise.take_primary();
        Self::with(Findings::without(noise, list), primary, key)
    }

    fn with(findings: Findings, primary: BodySide, key: HashKey) -> Self {
        Self { key, stage: Stage::Status, findings, primary, shadow: BodySide::default() }
    }

    /// Where the control differs, as far as that is known, for the comparison of the `shadow`.
    pub fn into_noise(self, primary: &Observed, control: &Observed, shadow: &Observed) -> Noise {
        let mut noise = self.findings.into_noise();
        if !noise::is_comparable(primary, control, shadow) {
            noise.only_status();
        }
        noise.keep(self.primary);
        noise
    }

    /// Continues, until it is done or has done this much work: reading a byte is about 1. The rules and the answers must
    /// be the same at each step, and no step may follow the verdict.
    pub fn step(
        &mut self,
        rules: &Rules,
        primary: &Observed,
        shadow: &Observed,
        mut work: usize,
    ) -> Poll<Verdict> {
        while work > 0 {
            match self.advance(rules, primary, shadow, &mut work) {
                Advance::More => {}
                Advance::Done { known } => return Poll::Ready(self.verdict(known)),
            }
        }
        Poll::Pending
    }

    /// Bytes that are allocated for it, the answers apart.
    pub fn held_bytes(&self) -> usize {
        let values = if let Stage::Values(values) = &self.stage { values.held_bytes() } else { 0 };
        values + self.findings.held_bytes() + self.sides().map(BodySide::held_bytes).sum::<usize>()
    }

    fn sides(&self) -> impl Iterator<Item = &BodySide> {
        [&self.primary, &self.shadow].into_iter()
    }

    fn verdict(&mut self, known: bool) -> Verdict {
        let differences = std::mem::take(&mut self.findings.differences);
        match (known, differences.is_empty()) {
            // One difference is enough to know.
            (_, false) => Verdict::Mismatch(differences),
            (true, true) if self.findings.noisy => Verdict::Noise,
            (true, true) => Verdict::Match,
            (false, true) => Verdict::Incomparable,
        }
    }

    fn advance(&mut self, rules: &Rules, primary: &Observed, shadow: &Observed, work: &mut usize) -> Advance {
        match &mut self.stage {
            Stage::Status => {
                *work = work.saturating_sub(1);
                if rules.status {
                    note_status(primary, shadow, &mut self.findings, work);
                }
                self.stage = Stage::Headers(0);
            }
            Stage::Headers(index) => match rules.headers.get(*index) {
                Some(name) => {
                    let size = primary.headers.size() + shadow.headers.size();
                    *work = work.saturating_sub(size / LOOKED + 1);
                    note_header((*index, name), primary, shadow, &mut self.findings, work);
                    *index += 1;
                }
                None if rules.body == BodyRule::Off => return Advance::Done { known: true },
                None => self.stage = Stage::Encoded(ByteOrder::default()),
            },
            // Equal bytes are equal, whatever they are when decoded.
            Stage::Encoded(order) => {
                let same = body_side::encoded_alike(primary, shadow, rules.max_body_bytes)
                    .map(|[one, other]| order.step(one, other, work));
                match same {
                    Some(Poll::Ready(order)) if order.is_eq() => return Advance::Done { known: true },
                    Some(Poll::Pending) => {}
                    _ => return self.begin_bodies(rules, primary, shadow),
                }
            }
            Stage::Decode => {
                for (side, answer) in [(&mut self.primary, primary), (&mut self.shadow, shadow)] {
                    match side.decode(answer, work) {
                        Poll::Ready(true) => {}
                        Poll::Ready(false) => return Advance::Done { known: false },
                        Poll::Pending => return Advance::More,
                    }
                }
                self.stage = Stage::Bytes(ByteOrder::default());
            }
            Stage::Bytes(order) => {
                let (one, other) = (self.primary.body(primary), self.shadow.body(shadow));
                if one.len() == other.len() {
                    match order.step(one, other, work) {
                        Poll::Ready(order) if order.is_eq() => return Advance::Done { known: true },
                        Poll::Ready(_) => {}
                        Poll::Pending => return Advance::More,
                    }
                }
                if rules.body != BodyRule::Json {
                    return self.differ_as_a_whole(primary, shadow, work);
                }
                self.primary.begin_tree();
                self.shadow.begin_tree();
                self.stage = Stage::Read;
            }
            Stage::Read => {
                for (side, answer) in [(&mut self.primary, primary), (&mut self.shadow, shadow)] {
                    match side.read(answer, work) {
                        Ok(Poll::Ready(())) => {}
                        Ok(Poll::Pending) => return Advance::More,
                        Err(NoMemory) => return Advance::Done { known: false },
                    }
                }
                return self.begin_values(rules, primary, shadow, work);
            }
            Stage::Values(values) => {
                let (Some(one), Some(other)) = (self.primary.view(primary), self.shadow.view(shadow)) else {
                    return Advance::Done { known: false };
                };
                let context = HashContext { rules, key: self.key };
                match values.step([one, other], context, &mut self.findings, work) {
                    Ok(Poll::Pending) => {}
                    Ok(Poll::Ready(())) => return Advance::Done { known: true },
                    Err(NoMemory) => return Advance::Done { known: false },
                }
            }
        }
        Advance::More
    }

    fn begin_bodies(&mut self, rules: &Rules, primary: &Observed, shadow: &Observed) -> Advance {
        for (side, answer) in [(&mut self.primary, primary), (&mut self.shadow, shadow)] {
            if !side.begin(answer, rules.max_body_bytes) {
                return Advance::Done { known: false };
            }
        }
        self.stage = Stage::Decode;
        Advance::More
    }

    /// Both bodies were read, whether they are JSON or not.
    fn begin_values(
        &mut self,
        rules: &Rules,
        primary: &Observed,
        shadow: &Observed,
        work: &mut usize,
    ) -> Advance {
        match (self.primary.view(primary), self.shadow.view(shadow)) {
            (Some(one), Some(other)) => {
                match TreeComparison::begin([one, other], rules, &mut self.findings, work) {
                    Ok(values) => self.stage = Stage::Values(values),
                    Err(NoMemory) => return Advance::Done { known: false },
                }
                Advance::More
            }
            // The whole of it is one value that may be left out, like any other.
            (one, other) if one.is_some() != other.is_some() && Treatment::start(rules).is_ignored() => {
                Advance::Done { known: true }
            }
            _ => self.differ_as_a_whole(primary, shadow, work),
        }
    }

    fn differ_as_a_whole(&mut self, primary: &Observed, shadow: &Observed, work: &mut usize) -> Advance {
        let Self { findings, primary: one, shadow: other, .. } = self;
        findings.note(DifferenceKind::Body, Place::Body, false, work, || Difference {
            at: String::new(),
            primary: one.value(primary),
            shadow: other.value(shadow),
        });
        Advance::Done { known: true }
    }
}

enum Advance {
    More,
    /// `known`: whether everything that is compared was.
    Done {
        known: bool,
    },
}

fn note_status(primary: &Observed, shadow: &Observed, findings: &mut Findings, work: &mut usize) {
    if primary.grpc != shadow.grpc {
        let value = |answer: &Observed| match answer.grpc {
            Some(status) => SideValue::Bytes(status.name().into()),
            None => SideValue::Absent,
        };
        findings.note(DifferenceKind::Status, Place::GrpcStatus, false, work, || Difference {
            at: "grpc-status".into(),
            primary: value(primary),
            shadow: value(shadow),
        });
    }
    if primary.status != shadow.status {
        let value = |answer: &Observed| SideValue::Json(answer.status.to_string().into());
        findings.note(DifferenceKind::Status, Place::Status, false, work, || Difference {
            at: "status".into(),
            primary: value(primary),
            shadow: value(shadow),
        });
    }
}

fn note_header(
    (index, name): (usize, &str),
    primary: &Observed,
    shadow: &Observed,
    findings: &mut Findings,
    work: &mut usize,
) {
    if !primary.headers.values(name).eq(shadow.headers.values(name)) {
        findings.note(DifferenceKind::Header, Place::Header(index), false, work, || Difference {
            at: format!("header:{name}"),
            primary: joined(primary, name),
            shadow: joined(shadow, name),
        });
    }
}

/// All values of a header.
fn joined(answer: &Observed, name: &str) -> SideValue {
    let values: Vec<_> = answer.headers.values(name).collect();
    if values.is_empty() { SideValue::Absent } else { SideValue::bytes(&values.join(&b", "[..])) }
}
