// SPDX-License-Identifier: Apache-2.0
//! The rooms of `src/` are those of the map in DESIGN.md: each knows exactly the rooms that the map names, all of them
//! stand above it there, and no two types share a name.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The rooms of the map with the rooms that each may know, in their order.
fn map() -> Vec<(String, BTreeSet<String>)> {
    let design = fs::read_to_string(root().join("DESIGN.md")).expect("DESIGN.md");
    let rows = design.lines().skip_while(|line| !line.starts_with("| room |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let names = |cell: &str| {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(|name| name.trim_end_matches('/').to_owned()).collect::<Vec<_>>()
    };
    let rooms: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').collect();
            let [_, room, _, knows, _] = cells[..] else { panic!("not three columns: {row}") };
            (names(room).concat(), names(knows).into_iter().collect())
        })
        .collect();
    assert!(rooms.len() > 8, "DESIGN.md has no map of the rooms");
    rooms
}

fn sources(place: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(place).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// The words that follow a marker in a text.
fn words_behind<'a>(text: &'a str, marker: &str) -> impl Iterator<Item = &'a str> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.split(marker).skip(1).map(move |rest| rest.split(|c| !is_word(c)).next().unwrap_or_default())
}

/// The rooms as the code has them: what each names by `crate::`, tests included.
fn code() -> BTreeMap<String, BTreeSet<String>> {
    let src = root().join("src");
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&src) {
        let path = file.strip_prefix(&src).expect("below src").with_extension("");
        let room = path.iter().next().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a source");
        let known = words_behind(&text, "crate::")
            .filter(|name| *name != room)
            .map(str::to_owned)
            .collect::<Vec<_>>();
        rooms.entry(room).or_default().extend(known);
    }
    rooms.remove("lib");
    rooms
}

/// Another room is named by `crate::` only, so that [`code`] sees it.
#[test]
fn no_path_leaves_a_room_by_super() {
    let src = root().join("src");
    for file in sources(&src) {
        let path = file.strip_prefix(&src).expect("below src").with_extension("");
        let text = fs::read_to_string(&file).expect("a source");
        let inner_modules = usize::from(text.contains("mod tests {"));
        // The file of a room itself is one level below `crate`.
        let most = path.iter().count() - 1 + inner_modules;
        let too_far = "super::".repeat(most + 1);
        assert!(!text.contains(&too_far), "{} has {too_far}", path.display());
        assert!(!text.contains("use crate as") && !text.contains("use crate::{"), "{}", path.display());
    }
}

#[test]
fn each_room_knows_what_the_map_says() {
    let map = map();
    assert!(map.len() <= 16, "{} rooms", map.len());
    let drawn: BTreeMap<_, _> = map.iter().cloned().collect();
    assert_eq!(drawn, code(), "left: the map in DESIGN.md; right: the imports in src/");
}

#[test]
fn lib_rs_lists_the_rooms_of_the_map_in_its_order() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs");
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(1);
    let names =
        rows.map(|row| row.split('|').next().unwrap_or_default().trim().trim_matches(['[', ']', '`']));
    let drawn = map();
    assert_eq!(names.collect::<Vec<_>>(), drawn.iter().map(|(room, _)| room.as_str()).collect::<Vec<_>>());
}

#[test]
fn a_room_knows_only_rooms_above_it_in_the_map() {
    let mut above = BTreeSet::new();
    for (room, knows) in map() {
        let other: Vec<_> = knows.difference(&above).collect();
        assert!(other.is_empty(), "{room} knows {other:?}, which do not stand above it");
        above.insert(room);
    }
}

#[test]
fn no_two_types_of_the_filter_share_a_name() {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).expect("a source");
        for line in text.lines().map(str::trim_start) {
            let line = line.trim_start_matches("pub ").trim_start_matches("pub(super) ");
            let line = line.trim_start_matches("pub(crate) ");
            let kinds = ["struct ", "enum ", "trait ", "union "];
            let Some(kind) = kinds.iter().find(|kind| line.starts_with(**kind)) else {
                continue;
            };
            let name = words_behind(line, kind).next().unwrap_or_default().to_owned();
            if let Some(other) = seen.insert(name.clone(), file.clone()) {
                panic!("{name} is in {} and in {}", other.display(), file.display());
            }
        }
    }
    assert!(seen.len() > 50);
}

#[test]
fn no_file_is_longer_than_a_person_reads_at_once() {
    let mut lengths: Vec<_> = sources(&root().join("src"))
        .into_iter()
        .map(|file| (fs::read_to_string(&file).expect("a source").lines().count(), file))
        .collect();
    lengths.sort();
    let (longest, file) = lengths.last().expect("files");
    assert!(*longest < 300, "{} has {longest} lines", file.display());
    let (median, _) = &lengths[lengths.len() / 2];
    assert!(*median < 150, "the median is {median} lines");
}

#[test]
fn the_host_is_named_in_one_place() {
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).expect("a source");
        let name = file.strip_prefix(root()).expect("below the root").display().to_string();
        if !name.starts_with("src/proxy") {
            for word in ["unsafe ", "extern \"C\"", "proxy_wasm", "log::"] {
                assert!(!text.contains(word), "{name} has {word:?}");
            }
        }
    }
}
