// SPDX-License-Identifier: Apache-2.0
//! Whatever holders do, and whoever of them is lost: the limits hold, and everything comes back.

use super::*;
use crate::admission::Scope;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const LASTS: Duration = Duration::from_secs(5);

fn limits(max_in_flight: u32, rate: Option<Rate>) -> Limits {
    Limits { max_in_flight, rate, scope: Scope::Envoy }
}

/// A holder that has nothing.
fn claim(holder: u64, limits: Limits) -> Claim {
    Claim {
        holder,
        limits,
        lasts: LASTS,
        in_use: 0,
        least: 0,
        permits: 0,
        unused: 0,
        needs_token: false,
        tokens: 0,
    }
}

fn at(millis: u64) -> Moment {
    Duration::from_secs(1000) + Duration::from_millis(millis)
}

/// What the host does with the bytes.
fn settled(bytes: &mut Vec<u8>, claim: &Claim, now: Moment) -> Grant {
    let mut record = Record::read(bytes, now);
    let grant = settle(&mut record, claim, now);
    *bytes = record.to_bytes();
    grant
}

#[test]
fn a_permit_that_one_has_no_other_gets_until_it_is_back() {
    let mut bytes = Vec::new();
    let limits = limits(1, None);
    let needs_one = |holder| Claim { least: 1, permits: 1, ..claim(holder, limits) };
    assert_eq!(settled(&mut bytes, &needs_one(1), at(0)).permits, 1);
    assert_eq!(settled(&mut bytes, &needs_one(2), at(1)).permits, 0);
    let grant = settled(&mut bytes, &Claim { in_use: 1, least: 1, permits: 1, ..claim(1, limits) }, at(2));
    assert_eq!((grant.permits, grant.most), (1, Some(1)), "the other one waits");
    assert_eq!(settled(&mut bytes, &claim(1, limits), at(3)).permits, 0);
    assert_eq!(settled(&mut bytes, &needs_one(2), at(4)).permits, 1);
    // It is never seen again.
    assert_eq!(settled(&mut bytes, &needs_one(3), at(4 + 4999)).permits, 0);
    assert_eq!(settled(&mut bytes, &needs_one(3), at(4 + 5000)).permits, 1);
}

#[test]
fn a_smaller_limit_waits_until_enough_came_back() {
    let mut bytes = Vec::new();
    assert_eq!(settled(&mut bytes, &Claim { permits: 10, ..claim(1, limits(10, None)) }, at(0)).permits, 10);
    let small = limits(4, None);
    let needs_one = Claim { least: 1, permits: 1, ..claim(2, small) };
    assert_eq!(settled(&mut bytes, &needs_one, at(1)).permits, 0);
    settled(&mut bytes, &Claim { in_use: 4, permits: 4, ..claim(1, limits(10, None)) }, at(2));
    assert_eq!(settled(&mut bytes, &needs_one, at(3)).permits, 0);
    settled(&mut bytes, &Claim { in_use: 3, permits: 3, ..claim(1, limits(10, None)) }, at(4));
    assert_eq!(settled(&mut bytes, &needs_one, at(5)).permits, 1);
}

#[test]
fn whoever_has_more_than_its_part_gives_way_step_by_step() {
    let mut bytes = Vec::new();
    let limits = limits(64, None);
    let greedy = |in_use| Claim { in_use, least: in_use, permits: 64, ..claim(1, limits) };
    assert_eq!(settled(&mut bytes, &greedy(64), at(0)).permits, 64);
    let needs_one = Claim { least: 1, permits: 3, ..claim(2, limits) };
    assert_eq!(settled(&mut bytes, &needs_one, at(1)).permits, 0);
    assert_eq!(settled(&mut bytes, &greedy(60), at(2)).permits, 62, "two are a portion of 64");
    assert_eq!(settled(&mut bytes, &needs_one, at(3)).permits, 2);
    assert_eq!(settled(&mut bytes, &greedy(60), at(4)).most, None, "nobody waits");
}

#[test]
fn tokens_come_at_the_rate_and_the_burst_is_the_most_there_ever_is() {
    let mut bytes = Vec::new();
    let limits = limits(1000, Some(Rate { per_second: 10.0, burst: 4 }));
    let needs_one = |holder| Claim { needs_token: true, ..claim(holder, limits) };
    let taken =
        |bytes: &mut Vec<u8>, now| (0..20).filter(|i| settled(bytes, &needs_one(*i), now).token).count();
    assert_eq!(taken(&mut bytes, at(0)), 4);
    let dry_for = settled(&mut bytes, &needs_one(1), at(40)).dry_for;
    assert!((59..=60).contains(&dry_for.as_millis()), "{dry_for:?}");
    assert_eq!(taken(&mut bytes, at(101)), 1);
    assert_eq!(taken(&mut bytes, at(60_000)), 4);
    // What one keeps counts as being in the bucket.
    let keeps = Claim { tokens: 3, ..claim(1, limits) };
    assert_eq!(settled(&mut bytes, &keeps, at(70_000)).tokens, 3);
    assert_eq!(taken(&mut bytes, at(70_900)), 1);
    assert_eq!(settled(&mut bytes, &Claim { unused: 3, ..claim(1, limits) }, at(70_900)).tokens, 0);
    assert_eq!(taken(&mut bytes, at(70_900)), 3);
}

#[test]
fn garbage_is_an_empty_record() {
    let mut record = Record::default();
    settle(&mut record, &Claim { permits: 3, ..claim(1, limits(9, None)) }, at(0));
    let bytes = record.to_bytes();
    assert_eq!(Record::read(&bytes, at(0)), record);
    assert_eq!(Record::read(&bytes, at(5000)), Record::default(), "expired");
    for cut in 0..bytes.len() {
        assert_eq!(Record::read(&bytes[..cut], at(0)), Record::default(), "the first {cut} bytes");
    }
    assert_eq!(Record::read(&[&bytes[..], b"x"].concat(), at(0)), Record::default(), "a byte too many");
    assert_eq!(Record::read(&bytes, Duration::ZERO), record, "not so far away that it is implausible");
    for other in [&b"SFP\x02"[..], b"", b"{}", &[0xff; 300], &[b"SFP\x01".as_slice(), &[0xff; 300]].concat()]
    {
        assert_eq!(Record::read(other, at(0)), Record::default(), "{other:?}");
    }
}

#[test]
fn a_full_record_grants_nothing_to_one_more() {
    let mut record = Record::default();
    let limits = limits(1_000_000, None);
    for holder in 0..1100 {
        let grant = settle(&mut record, &Claim { permits: 2, ..claim(holder, limits) }, at(0));
        assert_eq!(grant.permits, if holder < 1024 { 2 } else { 0 }, "holder {holder}");
    }
    assert_eq!(Record::read(&record.to_bytes(), at(0)), record);
    assert!(record.to_bytes().len() < 64 << 10);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum PoolEvent {
        /// Asks for a copy more, and some to spare.
        Copy {
            spare: u32,
        },
        Ended,
        Flush,
        /// Is gone, with its copies still under way; another one takes its place.
        Lost,
        Pass {
            millis: u64,
        },
    }

    /// What a holder knows itself.
    #[derive(Debug, Clone, Default)]
    struct HolderModel {
        id: u64,
        permits: u32,
        tokens: u32,
        /// When its copies end.
        copies: Vec<Moment>,
    }

    fn event() -> impl Strategy<Value = PoolEvent> {
        prop_oneof![
            6 => (0u32..3).prop_map(|spare| PoolEvent::Copy { spare }),
            4 => Just(PoolEvent::Ended),
            3 => Just(PoolEvent::Flush),
            1 => Just(PoolEvent::Lost),
            3 => (0u64..2000).prop_map(|millis| PoolEvent::Pass { millis }),
        ]
    }

    proptest! {
        /// Copies live for 3 s at most and leases for 5, and each holder comes back within 2 s or is lost.
        #[test]
        fn no_interleaving_exceeds_the_limits(
            max_in_flight in 1u32..12,
            per_second in 0.5f64..50.0,
            burst in 1u32..20,
            steps in prop::collection::vec((0usize..6, event()), 1..300),
        ) {
            let limits = limits(max_in_flight, Some(Rate { per_second, burst }));
            let mut bytes = Vec::new();
            let mut holders: Vec<HolderModel> = (0..6).map(|id| HolderModel { id, ..HolderModel::default() }).collect();
            let mut orphans: Vec<Moment> = Vec::new();
            let (mut now, mut next) = (at(0), 100);
            let mut sent: Vec<Moment> = Vec::new();
            for (index, event) in steps {
                let flush = |holder: &mut HolderModel, bytes: &mut Vec<u8>, now| {
                    let in_use = holder.copies.len() as u32;
                    let wants = Claim { in_use, least: in_use, permits: in_use, unused: holder.tokens, ..claim(holder.id, limits) };
                    let grant = settled(bytes, &wants, now);
                    (holder.permits, holder.tokens) = (grant.permits, grant.tokens);
                };
                let holder = &mut holders[index];
                match event {
                    PoolEvent::Copy { spare } => {
                        let in_use = holder.copies.len() as u32;
                        let wants = Claim {
                            in_use, least: in_use + 1, permits: in_use + 1 + spare, unused: holder.tokens,
                            needs_token: true, tokens: spare, ..claim(holder.id, limits)
                        };
                        let grant = settled(&mut bytes, &wants, now);
                        (holder.permits, holder.tokens) = (grant.permits, grant.tokens);
                        if grant.permits > in_use && grant.token {
                            holder.copies.push(now + Duration::from_secs(3));
                            sent.push(now);
                        } else if grant.token {
                            holder.tokens += 1;
                        }
                    }
                    PoolEvent::Ended => { holder.copies.pop(); }
                    PoolEvent::Flush => flush(holder, &mut bytes, now),
                    PoolEvent::Lost => {
                        orphans.append(&mut holder.copies);
                        *holder = HolderModel { id: next, ..HolderModel::default() };
                        next += 1;
                    }
                    PoolEvent::Pass { millis } => {
                        now += Duration::from_millis(millis);
                        for holder in &mut holders {
                            holder.copies.retain(|end| *end > now);
                            flush(holder, &mut bytes, now);
                        }
                        orphans.retain(|end| *end > now);
                    }
                }
                let under_way = orphans.len() + holders.iter().map(|holder| holder.copies.len()).sum::<usize>();
                prop_assert!(under_way <= max_in_flight as usize, "{} of {}", under_way, max_in_flight);
                // Over any time, not only from the start.
                for (index, from) in sent.iter().enumerate() {
                    let count = (sent.len() - index) as f64;
                    let most = f64::from(burst) + (now - *from).as_secs_f64() * per_second;
                    prop_assert!(count <= most + 1e-6, "{} of {}", count, most);
                }
            }
            // Once all have gone and the leases of the lost have run out, all is there again.
            now += Duration::from_secs(60);
            let all = Claim { permits: max_in_flight, tokens: burst, ..claim(9999, limits) };
            let grant = settled(&mut bytes, &all, now);
            prop_assert_eq!((grant.permits, grant.tokens), (max_in_flight, burst));
        }

        #[test]
        fn a_record_survives_its_bytes_and_any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), flip in any::<prop::sample::Index>()) {
            let now = at(0);
            let _ = Record::read(&bytes, now);
            let mut record = Record::default();
            for holder in 0..5 {
                settle(&mut record, &Claim { permits: 2, ..claim(holder, limits(9, None)) }, now);
            }
            let mut bytes = record.to_bytes();
            prop_assert_eq!(&Record::read(&bytes, now), &record);
            let index = flip.index(bytes.len());
            bytes[index] ^= 0x55;
            let grant = settled(&mut bytes, &Claim { permits: 9, ..claim(77, limits(9, None)) }, now);
            prop_assert!(grant.permits <= 9);
        }
    }
}
