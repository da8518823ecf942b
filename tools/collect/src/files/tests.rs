// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::protocol::Exchange;
use crate::protocol::tests::exchange;

fn settings(folder: &Path) -> Settings {
    Settings {
        place: Place::Folder(folder.to_owned()),
        format: Format::Ndjson,
        zstd: None,
        segment_bytes: 1 << 20,
        segment_age: Duration::from_secs(3600),
        max_bytes: 1 << 30,
        when_full: WhenFull::Oldest,
    }
}

fn spelled(format: Format, numbers: impl IntoIterator<Item = u128>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| format.spell(&exchange(number), None)).collect()
}

fn read(path: &Path) -> Vec<u128> {
    let inputs = Input::of(path).expect("a folder");
    let exchanges = inputs.iter().flat_map(|input| Reader::open(input).expect("a reader"));
    exchanges.map(|exchange| number(&exchange.expect("an exchange"))).collect()
}

fn number(exchange: &Exchange) -> u128 {
    u128::from_be_bytes(exchange.id().expect("an id"))
}

fn names(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry").path())).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

fn open(settings: Settings) -> (Store, Recovered, Seen) {
    let mut seen = Seen::new(1000);
    let (store, recovered) = Store::open(settings, &mut seen).expect("a store");
    (store, recovered, seen)
}

#[test]
fn what_was_committed_is_read_in_order_over_segments_of_every_form() {
    for (format, zstd, ending) in [
        (Format::Ndjson, None, ".ndjson"),
        (Format::Ndjson, Some(3), ".ndjson.zst"),
        (Format::Protobuf, None, ".pb"),
        (Format::Protobuf, Some(3), ".pb.zst"),
    ] {
        let folder = TempDir::new().expect("a folder");
        let settings = Settings { format, zstd, segment_bytes: 1000, ..settings(folder.path()) };
        let (mut store, recovered, _) = open(settings);
        assert_eq!(recovered, Recovered::default());
        for number in 0..100 {
            store.commit(&spelled(format, [number])).expect("committed");
            if number % 10 == 0 {
                // Also while it is written, and whatever the background has done.
                let so_far = read_patiently(folder.path(), number as usize + 1);
                assert_eq!(so_far, (0..=number).collect::<Vec<_>>());
            }
        }
        assert!(store.segments() > 10);
        store.close();
        assert_eq!(read(folder.path()), (0..100).collect::<Vec<_>>());
        let names = names(folder.path());
        assert!(names.len() > 10 && names.iter().all(|name| name.ends_with(ending)), "{names:?}");
    }
}

/// A reader of a folder may meet a segment while it gets its final form.
fn read_patiently(folder: &Path, count: usize) -> Vec<u128> {
    for _ in 0..1000 {
        if !names(folder).iter().any(|name| name.ends_with(".unfinished")) {
            let inputs = Input::of(folder).expect("a folder");
            let readers: Vec<_> = inputs.iter().filter_map(|input| Reader::open(input).ok()).collect();
            let found: Vec<_> = readers.into_iter().flatten().flatten().map(|one| number(&one)).collect();
            if found.len() == count {
                return found;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{:?}", names(folder))
}

#[test]
fn a_torn_end_is_cut_and_everything_before_it_stays() {
    for format in [Format::Ndjson, Format::Protobuf] {
        let whole = spelled(format, 0..3);
        let ends: Vec<usize> = (0..=3).map(|count| spelled(format, 0..count).len()).collect();
        for end in 0..=whole.len() {
            let folder = TempDir::new().expect("a folder");
            let name = format!("exchanges-20260801T120000.000Z-0000.{}.open", format.ending());
            fs::write(folder.path().join(name), &whole[..end]).expect("written");
            let (store, recovered, _) = open(Settings { format, ..settings(folder.path()) });
            store.close();
            let kept = ends.iter().filter(|whole| (1..=end).contains(*whole)).count();
            assert_eq!(read(folder.path()), (0..kept as u128).collect::<Vec<_>>(), "{format:?} cut at {end}");
            assert_eq!(recovered.exchanges, kept as u64);
            assert_eq!(recovered.cut, (end - ends[kept]) as u64);
        }
    }
}

#[test]
fn a_hole_behind_what_was_committed_is_cut() {
    for format in [Format::Ndjson, Format::Protobuf] {
        let folder = TempDir::new().expect("a folder");
        let mut bytes = spelled(format, 0..3);
        bytes.extend([0; 4096]);
        let name = format!("exchanges-20260801T120000.000Z-0000.{}.open", format.ending());
        fs::write(folder.path().join(name), bytes).expect("written");
        let (store, recovered, _) = open(Settings { format, ..settings(folder.path()) });
        store.close();
        assert_eq!((read(folder.path()), recovered.cut), (vec![0, 1, 2], 4096));
    }
}

#[test]
fn a_half_made_final_form_is_made_again() {
    let folder = TempDir::new().expect("a folder");
    let name = folder.path().join("exchanges-20260801T120000.000Z-0000.ndjson");
    fs::write(name.with_extension("ndjson.open"), spelled(Format::Ndjson, 0..50)).expect("written");
    fs::write(name.with_extension("ndjson.zst.unfinished"), b"\x28\xb5").expect("written");
    let (store, recovered, _) = open(Settings { zstd: Some(3), ..settings(folder.path()) });
    assert_eq!((recovered.segments, recovered.exchanges, recovered.cut), (1, 50, 0));
    store.close();
    assert_eq!(names(folder.path()), ["exchanges-20260801T120000.000Z-0000.ndjson.zst"]);
    assert_eq!(read(folder.path()).len(), 50);
}

#[test]
fn a_segment_that_has_its_final_form_is_not_read_a_second_time() {
    let folder = TempDir::new().expect("a folder");
    let name = folder.path().join("exchanges-20260801T120000.000Z-0000.ndjson");
    let lines = spelled(Format::Ndjson, 0..3);
    fs::write(name.with_extension("ndjson.zst"), zstd::encode_all(&*lines, 3).expect("compressed"))
        .expect("written");
    let open_form = Input::File(name.with_extension("ndjson.open"));
    // Who has listed it before.
    assert_eq!(Reader::open(&open_form).expect("a reader").count(), 3);
    // A crash came before the other was deleted.
    fs::write(name.with_extension("ndjson.open"), lines).expect("written");
    assert_eq!(read(folder.path()), [0, 1, 2]);
    let (store, recovered, _) = open(Settings { zstd: Some(3), ..settings(folder.path()) });
    store.close();
    assert_eq!((read(folder.path()), recovered.exchanges), (vec![0, 1, 2], 0));
    assert_eq!(names(folder.path()), ["exchanges-20260801T120000.000Z-0000.ndjson.zst"]);
}

#[test]
fn the_folder_stays_below_its_bound_and_keeps_the_latest() {
    let folder = TempDir::new().expect("a folder");
    let size = spelled(Format::Ndjson, [0]).len() as u64;
    let settings = Settings { segment_bytes: size * 5, max_bytes: size * 50, ..settings(folder.path()) };
    let (mut store, ..) = open(settings);
    for number in 0..1000 {
        // What is being closed cannot be deleted yet.
        while store.commit(&spelled(Format::Ndjson, [number])).is_err() {}
        assert!(store.bytes() <= size * 50);
    }
    store.close();
    let kept = read(folder.path());
    assert!((20..=50).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept, (1000 - kept.len() as u128..1000).collect::<Vec<_>>());
}

#[test]
fn a_full_folder_that_may_not_delete_refuses() {
    let folder = TempDir::new().expect("a folder");
    let settings = Settings { max_bytes: 2000, when_full: WhenFull::Refuse, ..settings(folder.path()) };
    let (mut store, ..) = open(settings);
    let mut kept = 0;
    let error = loop {
        match store.commit(&spelled(Format::Ndjson, [kept])) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(store.commit(&spelled(Format::Ndjson, [kept])).is_err());
    store.close();
    assert_eq!(read(folder.path()), (0..kept).collect::<Vec<_>>());
}

#[test]
fn a_segment_is_closed_by_its_age() {
    let folder = TempDir::new().expect("a folder");
    let settings = Settings { segment_age: Duration::from_millis(20), ..settings(folder.path()) };
    let (mut store, ..) = open(settings);
    store.commit(&spelled(Format::Ndjson, [0])).expect("committed");
    assert!(names(folder.path())[0].ends_with(".open"));
    while names(folder.path())[0].ends_with(".open") {
        store.rotate();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(read(folder.path()), [0]);
}

#[test]
fn a_file_is_continued_unless_it_is_compressed() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("night.ndjson");
    for number in 0..3_u128 {
        let (mut store, recovered, mut seen) =
            open(Settings { place: Place::of(&file), segment_bytes: 1, ..settings(folder.path()) });
        assert_eq!(recovered.exchanges, number as u64);
        assert_eq!(seen.len(), number as usize);
        assert!(seen.insert(number.to_be_bytes()));
        store.commit(&spelled(Format::Ndjson, [number])).expect("committed");
        store.close();
        let torn = fs::File::options().append(true).open(&file).expect("the file");
        std::io::Write::write_all(&mut &torn, b"{\"mirror\":\"v").expect("written");
    }
    let file = folder.path().join("night.ndjson.zst");
    let compressed = Settings { place: Place::of(&file), zstd: Some(3), ..settings(folder.path()) };
    let (mut store, ..) = open(compressed.clone());
    store.commit(&spelled(Format::Ndjson, [7])).expect("committed");
    assert!(!file.exists());
    store.close();
    assert_eq!(read(&file), [7]);
    let error = Store::open(compressed, &mut Seen::new(1)).expect_err("it exists");
    assert!(format!("{error:#}").contains("cannot be continued"), "{error:#}");
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = TempDir::new().expect("a folder");
    let (_store, ..) = open(settings(folder.path()));
    let error = Store::open(settings(folder.path()), &mut Seen::new(1)).expect_err("locked");
    assert!(format!("{error:#}").contains("another process"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_is_kept_once_also_by_the_next_process() {
    let folder = TempDir::new().expect("a folder");
    let start = || {
        let (store, _, seen) = open(settings(folder.path()));
        Journal::start(Some(store), seen).expect("a journal")
    };
    let item = |number: u128| Item {
        id: number.to_be_bytes(),
        bytes: Format::Ndjson.spell(&exchange(number), None),
    };
    let journal = start();
    let both = [journal.keep(vec![item(1), item(2), item(1)]), journal.keep(vec![item(2), item(3)])];
    let [first, second] = both.map(|order| order);
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first, second), (Ok(vec![true, true, false]), Ok(vec![false, true])));
    drop(journal);
    let journal = start();
    assert_eq!(journal.keep(vec![item(3), item(4)]).await, Ok(vec![false, true]));
    drop(journal);
    assert_eq!(read(folder.path()), [1, 2, 3, 4]);
}

#[tokio::test]
async fn what_was_refused_is_taken_when_it_comes_again() {
    let folder = TempDir::new().expect("a folder");
    let place = Settings { max_bytes: 700, when_full: WhenFull::Refuse, ..settings(folder.path()) };
    let (store, _, seen) = open(place);
    let journal = Journal::start(Some(store), seen).expect("a journal");
    let item = |number: u128| Item {
        id: number.to_be_bytes(),
        bytes: Format::Ndjson.spell(&exchange(number), None),
    };
    assert_eq!(journal.keep(vec![item(1)]).await, Ok(vec![true]));
    assert_eq!(journal.keep(vec![item(1), item(2)]).await, Err(NotKept::Full));
    drop(journal);
    assert_eq!(read(folder.path()), [1]);
    let (store, _, seen) = open(settings(folder.path()));
    let journal = Journal::start(Some(store), seen).expect("a journal");
    assert_eq!(journal.keep(vec![item(1), item(2)]).await, Ok(vec![false, true]));
}

#[test]
fn a_reader_knows_format_and_compression_by_the_bytes() {
    let lines = spelled(Format::Ndjson, 0..300);
    let frames = spelled(Format::Protobuf, 0..300);
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).expect("written");
        encoder.finish().expect("compressed")
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("compressed");
    // Also one behind the other.
    let twice = [zstd(&lines), zstd(&lines)].concat();
    for (bytes, count) in [
        (lines.clone(), 300),
        (frames.clone(), 300),
        (gzip(&lines), 300),
        (gzip(&frames), 300),
        (zstd(&frames), 300),
        (twice, 600),
        (Vec::new(), 0),
    ] {
        let reader = Reader::new(std::io::Cursor::new(bytes), None).expect("a reader");
        let read: Vec<u128> = reader.map(|one| number(&one.expect("an exchange"))).collect();
        assert_eq!(read.len(), count);
        assert!(read.iter().enumerate().all(|(at, number)| *number == at as u128 % 300));
    }
    for torn in [&lines[..lines.len() - 1], &frames[..frames.len() - 1]] {
        let reader = Reader::new(std::io::Cursor::new(torn.to_vec()), None).expect("a reader");
        assert!(matches!(reader.last(), Some(Err(ReadError::Torn))));
    }
    // It may have no beginning that can be decompressed.
    let torn = Reader::new(std::io::Cursor::new(zstd(&lines)[..600].to_vec()), None);
    assert!(matches!(torn.map(Iterator::last), Err(ReadError::Torn) | Ok(Some(Err(ReadError::Torn)))));
    let mut broken = lines;
    broken.truncate(spelled(Format::Ndjson, 0..2).len());
    broken.extend(b"{}\n");
    let error = Reader::new(std::io::Cursor::new(broken), None).expect("a reader").last();
    let error = error.expect("an error").expect_err("an error").to_string();
    assert!(error.starts_with("exchange 3: not an exchange"), "{error}");
}

#[test]
fn an_exchange_may_be_larger_than_what_is_read_at_a_time() {
    let mut large = exchange(1);
    large.request.as_mut().expect("a request").body = Bytes::from(vec![b'x'; 3 << 20]);
    for format in [Format::Ndjson, Format::Protobuf] {
        let mut bytes = spelled(format, [0]);
        bytes.extend(format.spell(&large, None));
        bytes.extend(spelled(format, [2]));
        let reader = Reader::new(std::io::Cursor::new(bytes), None).expect("a reader");
        let read: Vec<Exchange> = reader.map(|one| one.expect("an exchange")).collect();
        assert_eq!(read, [exchange(0), large.clone(), exchange(2)]);
    }
}
