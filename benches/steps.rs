// SPDX-License-Identifier: Apache-2.0
//! The longest single step of what is done in steps, with inputs that are as bad as can be: `cargo bench --bench steps`.
//! Each input is gone through several times, and what counts of a step is the shortest that it took: whatever else the
//! machine did is left out.

use std::io::Write;
use std::task::Poll;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use shadow_filter::compare::{BodyRule, Comparison, HashKey, Observed, Rules};
use shadow_filter::http::Head;
use shadow_filter::json::{Pointer, Pointers};
use shadow_filter::transform::{Redaction, Replacement};

const TIMES: usize = 7;

fn main() {
    let work = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(8192);
    println!("work of a step: {work}");
    println!("{:64} {:>8} {:>10} {:>10} {:>10}", "", "steps", "longest", "mean", "all");
    redactions(work);
    comparisons(work);
    unordered(work);
}

fn redactions(work: usize) {
    const SIZE: usize = 8 << 20;
    let wide: Vec<String> = (0..64).map(|index| format!("/*/{}/n{index}", index * 1000)).collect();
    let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
    let names: Vec<String> = (0..64).map(|index| format!("/*/name{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let deep: Vec<String> = (0..64).map(|index| format!("/**/name{index}")).collect();
    let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
    let levels = format!("/**{}", "/*/name0".repeat(63));
    for (name, text, pointers) in [
        ("one string", format!("\"{}\"", "a".repeat(SIZE)), &["/a"][..]),
        ("one string, not ASCII", format!("\"{}\"", "é".repeat(SIZE / 2)), &["/a"]),
        ("one string of escapes", format!("\"{}\"", r"\ud83d\ude00".repeat(SIZE / 12)), &["/a"]),
        ("one name of escapes", format!("{{\"{}\":1}}", r"\u0061".repeat(SIZE / 6)), &["/a"]),
        ("one number", "7".repeat(SIZE), &["/a"]),
        ("[[[[", "[".repeat(SIZE), &["/a"]),
        ("[[],[],", format!("[{}1]", "[],".repeat(SIZE / 3)), &["/a"]),
        ("[1,1, each replaced", format!("[{}1]", "1,".repeat(SIZE / 2)), &["/*"]),
        ("[[1,1, 64 pointers of elements", format!("[[{}1]]", "1,".repeat(SIZE / 2)), &wide),
        (
            "[{\"name63\":1, 64 pointers of names",
            format!("[{{{}\"a\":1}}]", "\"name63\":1,".repeat(SIZE / 11)),
            &names,
        ),
        (
            "[{\"name9x\":1, 64 pointers of names at any level",
            format!("[{{{}\"a\":1}}]", "\"name9x\":1,".repeat(SIZE / 11)),
            &deep,
        ),
        (
            "[{\"name0\":[{\"name0\": one pointer of 127 levels below any",
            format!(
                "[{}1]",
                format!("{}1{},", "[{\"name0\":".repeat(63), "}]".repeat(63)).repeat(SIZE / 820)
            ),
            &[&levels],
        ),
        ("spaces", " ".repeat(SIZE), &["/a"]),
        ("a long string with one replaced value", format!("[\"{}\",1]", "a".repeat(SIZE)), &["/1"]),
    ] {
        let json = of(pointers);
        let redaction = Redaction { json, replacement: Replacement::new("*"), ..Redaction::default() };
        let head = head("content-type", "application/json");
        measure(&format!("redact: {name}"), || {
            let mut job = redaction.begin(&head, text.as_bytes(), SIZE * 4).ok().flatten();
            let (redaction, text) = (&redaction, text.as_bytes());
            move || job.as_mut().is_none_or(|job| job.step(redaction, text, work).is_ready())
        });
    }
}

fn comparisons(work: usize) {
    const SIZE: usize = 1 << 20;
    let object = |reversed: bool, long: &str| {
        let member = |index: usize| format!("\"{long}{index:05}\":{}", index % 10);
        let mut members: Vec<_> = (0..50_000).map(member).collect();
        if reversed {
            members.reverse();
        }
        format!("{{{}}}", members.join(","))
    };
    let shuffled = |text: &str| {
        let mut members: Vec<_> = text.trim_matches(['{', '}']).split(',').collect();
        members.sort_by_key(|member| {
            member.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte))
        });
        format!("{{{}}}", members.join(","))
    };
    let list = |value: &str| format!("[{}{value}]", format!("{value},").repeat(SIZE / (value.len() + 1) - 2));
    let names = |order: [usize; 3]| {
        let member = |index: usize| format!("\"{}{index}\":1", "n".repeat(SIZE / 4));
        format!("{{{}}}", order.map(member).join(","))
    };
    for (name, one, other) in [
        ("the same bytes", list("1"), list("1")),
        (
            "one string in two spellings",
            format!("\"{}\"", "a".repeat(SIZE / 6)),
            format!("\"{}\"", r"\u0061".repeat(SIZE / 6)),
        ),
        ("one number in two spellings", "7".repeat(SIZE - 2), "7".repeat(SIZE - 2) + ".0"),
        ("[1,1 and [1.0,1.0", list("1"), list("1.0")),
        ("[1,1 and [2,2", list("1"), list("2")),
        ("[[],[] and [[ ],[ ]", list("[]"), list("[ ]")),
        ("spaces", " ".repeat(SIZE - 1) + "1", "1".to_owned() + &" ".repeat(SIZE - 1)),
        ("50,000 members, reversed", object(false, ""), object(true, "")),
        ("50,000 members, shuffled", object(false, "n"), shuffled(&object(false, "n"))),
        ("50,000 members, escaped and shuffled", object(false, r"\n"), shuffled(&object(false, r"\n"))),
        ("names of 256 KiB in another order", names([1, 2, 3]), names([3, 2, 1])),
    ] {
        compare(name, answer(one.into_bytes()), answer(other.into_bytes()), work);
    }
    for (name, one, other) in [
        ("[1,1 and [2,2", list("1"), list("2")),
        ("members that only one side has", "{}".to_owned(), object(false, "n")),
    ] {
        with_control(name, &answer(one.into_bytes()), &answer(other.into_bytes()), work);
    }
    let bomb = gzip(&vec![b' '; SIZE]);
    let bombs = || Observed { headers: head("content-encoding", "gzip"), ..answer(bomb.clone()) };
    compare("gzip of 1 MiB of spaces", bombs(), bombs(), work);
    let empty = gzip(b"").repeat(SIZE / 20 - 1);
    let empties = || Observed { headers: head("content-encoding", "gzip"), ..answer(empty.clone()) };
    compare("50,000 empty gzip members", empties(), empties(), work);
    let empty = empty_blocks(SIZE - 32);
    let empties = || Observed { headers: head("content-encoding", "deflate"), ..answer(empty.clone()) };
    compare("deflate: blocks with tables and without content", empties(), empties(), work);
}

/// Blocks that have nothing but their tables and their end, 90 bits each (RFC 1951, 3.2.7): one code for the end of the block and
/// one for a distance.
fn empty_blocks(size: usize) -> Vec<u8> {
    let mut block = Vec::new();
    let mut put = |value: u32, count: u32| block.extend((0..count).map(|bit| value >> bit & 1));
    // Not the last; dynamic; 257 codes, one distance, and lengths for 18 of the symbols that spell lengths.
    let _ = [(0, 1), (2, 2), (0, 5), (0, 5), (14, 4)].map(|(value, count)| put(value, count));
    // Of these symbols there are "many zeros", the third in the order of the standard, and "one", the last.
    (0..18).for_each(|index| put(u32::from(index == 2 || index == 17), 3));
    // 138 zeros, 118 zeros, one, one; the end.
    let _ =
        [(1, 1), (127, 7), (1, 1), (107, 7), (0, 1), (0, 1), (0, 1)].map(|(value, count)| put(value, count));
    let bits: Vec<u32> = block.iter().copied().cycle().take(size * 8).collect();
    bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | *bit as u8)).collect()
}

fn unordered(work: usize) {
    const SIZE: usize = 1 << 20;
    let numbers = |from: usize, count: usize| {
        format!("[{}]", (from..from + count).map(|n| n.to_string()).collect::<Vec<_>>().join(","))
    };
    let list = |value: &str| format!("[{}{value}]", format!("{value},").repeat(SIZE / (value.len() + 1) - 2));
    let nested = |inner: &str| format!("{}{inner}{}", "[[],".repeat(120), "]".repeat(120));
    let member = |index: usize| format!("{{\"id\":{index},\"v\":[1,\"x\"]}}");
    let objects = |order: fn(usize) -> usize| {
        format!("[{}]", (0..30_000).map(|index| member(order(index))).collect::<Vec<_>>().join(","))
    };
    for (name, one, other) in [
        ("[1,1 and [1.0,1.0", list("1"), list("1.0")),
        ("[1,1 and [2,2", list("1"), list("2")),
        ("[[],[] and [[ ],[ ]", list("[]"), list("[ ]")),
        ("[1.0e0, and [1e0", list("1.000000e0"), list("1e0")),
        ("140,000 numbers, none the same", numbers(100_000, 140_000), numbers(300_000, 140_000)),
        ("30,000 objects, reversed", objects(|index| index), objects(|index| 29_999 - index)),
        (
            "one string in two spellings",
            format!("[\"{}\"]", "a".repeat(SIZE / 6)),
            format!("[\"{}\"]", r"\u0061".repeat(SIZE / 6)),
        ),
        (
            "one number in two spellings",
            format!("[{}]", "7".repeat(SIZE - 4)),
            format!("[{}.0]", "7".repeat(SIZE - 4)),
        ),
        (
            "lists in lists",
            format!("[{}1]", format!("{},", nested("1")).repeat(SIZE / 650)),
            format!("[{}1]", format!("{},", nested("2")).repeat(SIZE / 650)),
        ),
    ] {
        let rules = rules(&["/**"], &["/**/a/b", "/*/id"]);
        compare_by(
            &format!("unordered: {name}"),
            &rules,
            answer(one.into_bytes()),
            answer(other.into_bytes()),
            work,
        );
    }
}

fn rules(unordered: &[&str], ignore: &[&str]) -> Rules {
    let (unordered, ignore) = (of(unordered), of(ignore));
    Rules { body: BodyRule::Json, max_body_bytes: 1 << 20, unordered, ignore, ..Rules::default() }
}

fn compare(name: &str, primary: Observed, shadow: Observed, work: usize) {
    compare_by(name, &rules(&[], &[]), primary, shadow, work);
}

fn compare_by(name: &str, rules: &Rules, primary: Observed, shadow: Observed, work: usize) {
    measure(&format!("compare: {name}"), || {
        let mut job = Comparison::new(true, HashKey::new(7));
        let (primary, shadow) = (&primary, &shadow);
        move || matches!(job.step(rules, primary, shadow, work), Poll::Ready(_))
    });
}

/// The control's answer is the shadow's, so that everything in which it differs is noise.
fn with_control(name: &str, primary: &Observed, shadow: &Observed, work: usize) {
    let rules = &rules(&[], &[]);
    let key = HashKey::new(7);
    measure(&format!("control: {name}"), || {
        let mut job = Comparison::of_control(key);
        move || matches!(job.step(rules, primary, shadow, work), Poll::Ready(_))
    });
    measure(&format!("compare without noise: {name}"), || {
        let mut job = Comparison::of_control(key);
        while job.step(rules, primary, shadow, work).is_pending() {}
        let mut job = Comparison::without(job.into_noise(primary, shadow, shadow), true, key);
        move || matches!(job.step(rules, primary, shadow, work), Poll::Ready(_))
    });
}

fn of(pointers: &[&str]) -> Pointers {
    Pointers::new(pointers.iter().filter_map(|text| Pointer::parse(text)).collect()).unwrap_or_default()
}

/// Takes all steps several times, and says how long they took.
fn measure<S: FnMut() -> bool>(name: &str, begin: impl Fn() -> S) {
    let mut steps: Vec<Duration> = Vec::new();
    for _ in 0..TIMES {
        let mut step = begin();
        for index in 0.. {
            let start = Instant::now();
            let done = step();
            let took = start.elapsed();
            match steps.get_mut(index) {
                Some(shortest) => *shortest = took.min(*shortest),
                None => steps.push(took),
            }
            if done {
                break;
            }
        }
    }
    let all: Duration = steps.iter().sum();
    let longest = steps.iter().max().copied().unwrap_or_default();
    let mean = all / u32::try_from(steps.len()).unwrap_or(1);
    println!("{name:64} {:>8} {longest:>10.1?} {mean:>10.1?} {all:>10.1?}", steps.len());
}

fn answer(body: Vec<u8>) -> Observed {
    Observed { status: 200, grpc: None, headers: Head::default(), body: Some(body) }
}

fn head(name: &str, value: &str) -> Head {
    let size = |text: &str| u32::try_from(text.len()).unwrap_or(0).to_le_bytes();
    let mut block = 1u32.to_le_bytes().to_vec();
    block.extend([size(name), size(value)].concat());
    block.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    Head::from_block(block).unwrap_or_default()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}
