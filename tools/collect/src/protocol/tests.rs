// SPDX-License-Identifier: Apache-2.0

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

use super::*;

pub(crate) fn exchange(number: u128) -> Exchange {
    let header = |name: &'static str, value: &'static str| Header::new(name, value);
    Exchange {
        mirror: "v2".into(),
        id: number.to_be_bytes().to_vec().into(),
        started_unix_us: 1_785_585_600_000_123,
        request: Some(Request {
            headers: vec![
                header(":method", "GET"),
                header(":scheme", "http"),
                header(":authority", "shop.test-shadow"),
                header(":path", "/items?id=1"),
                header("x-shadow-mirror", "v2"),
            ],
            body: Bytes::new(),
            body_bytes_not_captured: 0,
        }),
        answer: Some(Answer {
            status: 200,
            duration_us: 1234,
            headers: vec![header("content-type", "application/json")],
            body: Bytes::from_static(b"{\"price\":29}"),
            ..Answer::default()
        }),
    }
}

#[test]
fn the_published_protocol_has_the_messages_of_the_code() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let files = protox::compile(["shadowfilter/v1/exchange.proto"], [root]).expect("the proto compiles");
    let pool = prost_reflect::DescriptorPool::from_file_descriptor_set(files).expect("descriptors");
    let message = pool.get_message_by_name("shadowfilter.v1.Exchange").expect("the message");
    let mut whole = exchange(7);
    let answer = whole.answer.as_mut().expect("an answer");
    (answer.grpc_status, answer.ended_early, answer.body_bytes_not_captured) = (Some(13), true, 5);
    whole.request.as_mut().expect("a request").body_bytes_not_captured = NOT_COUNTED;
    let read = prost_reflect::DynamicMessage::decode(message, whole.encode_to_vec().as_slice());
    let read = read.expect("the message of the proto");
    // Every field has its place, none is left over, and the text of all names and values is as the code has it.
    assert_eq!(read.unknown_fields().count(), 0);
    assert_eq!(read.encode_to_vec(), whole.encode_to_vec());
    let text = read.to_text_format();
    for part in [
        "mirror:\"v2\"",
        "started_unix_us:1785585600000123",
        "request{headers:[{name:\":method\",value:\"GET\"}",
        "body_bytes_not_captured:18446744073709551615",
        "answer{status:200,duration_us:1234,headers:[{name:\"content-type\"",
        "body_bytes_not_captured:5,grpc_status:13,ended_early:true",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_line_has_what_an_exchange_has() {
    let mut line = Vec::new();
    let mut one = exchange(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f);
    one.answer.as_mut().expect("an answer").body = Bytes::from_static(b"\xff");
    write_line(&one, &mut line);
    let text = String::from_utf8(line).expect("UTF-8");
    assert_eq!(
        text,
        "{\"mirror\":\"v2\",\"id\":\"000102030405060708090a0b0c0d0e0f\",\"started\":\"2026-08-01T12:00:00.000123Z\",\
         \"request\":{\"headers\":[[\":method\",\"GET\"],[\":scheme\",\"http\"],[\":authority\",\"shop.test-shadow\"],\
         [\":path\",\"/items?id=1\"],[\"x-shadow-mirror\",\"v2\"]]},\"answer\":{\"status\":200,\"duration_us\":1234,\
         \"headers\":[[\"content-type\",\"application/json\"]],\"body\":{\"base64\":\"/w==\"}}}\n"
    );
    assert_eq!(from_line(text.as_bytes()), Ok(one));
}

#[test]
fn a_line_by_hand_needs_a_request_and_no_more() {
    let read = |line: &str| from_line(line.as_bytes());
    let one = read(r#"{"request": {"headers": [[":method", "GET"], [":path", "/"]]}}"#).expect("an exchange");
    assert_eq!((one.id().is_some(), one.mirror().as_ref(), &one.answer), (true, "", &None));
    let marked = read(r#"{"request": {"headers": [["x-shadow-mirror", "v3"]]}}"#).expect("an exchange");
    assert_eq!(marked.mirror(), "v3");
    for (line, words) in [
        ("{}", "missing field `request`"),
        (r#"{"request": {"headers": []}}"#, "no request"),
        (r#"{"id": "12", "request": {"headers": [["a", "b"]]}}"#, "32 hexadecimal digits"),
        (r#"{"started": "noon", "request": {"headers": [["a", "b"]]}}"#, "timestamp"),
        (r#"{"request": {"headers": [["a", {"hex": "00"}]]}}"#, "base64"),
        (r#"{"request": {"headers": [["a", "b"]]}"#, "EOF"),
    ] {
        let error = read(line).expect_err(line).to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_is_no_exchange_is_told_from_what_is_cut() {
    let mut whole = Vec::new();
    write_frame(&exchange(1), &mut whole);
    let first = whole.len();
    write_frame(&exchange(2), &mut whole);
    for end in first + 1..whole.len() {
        let mut cut = Bytes::copy_from_slice(&whole[..end]);
        assert!(decode(&mut cut).is_ok_and(|one| one == Some(exchange(1))));
        let rest = cut.clone();
        assert_eq!(decode(&mut cut), Err(Malformed::Torn), "cut at {end}");
        assert_eq!(cut, rest);
    }
    let fails = |bytes: &[u8]| decode_all(Bytes::copy_from_slice(bytes)).expect_err("malformed");
    assert!(matches!(fails(&[0; 100]), Malformed::NotAnExchange(_)), "a hole in a file");
    assert!(matches!(fails(&[0xff; 100]), Malformed::NotAnExchange(_)));
    assert_eq!(fails(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]), Malformed::TooLarge);
    let many = vec![Header::new("", ""); 50_000];
    let mut bomb = exchange(1);
    bomb.request.as_mut().expect("a request").headers = many;
    let mut bytes = Vec::new();
    write_frame(&bomb, &mut bytes);
    assert_eq!(fails(&bytes), Malformed::TooLarge);
}

fn some_bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        any::<String>().prop_map(Bytes::from),
    ]
}

fn headers(least: usize) -> impl Strategy<Value = Vec<Header>> {
    let header = (some_bytes(), some_bytes()).prop_map(|(name, value)| Header { name, value });
    proptest::collection::vec(header, least..5)
}

prop_compose! {
    fn answer()(
        status in any::<u32>(), duration_us in any::<u64>(), headers in headers(0), body in some_bytes(),
        missing in any::<u64>(), grpc_status in any::<Option<u32>>(), ended_early in any::<bool>(),
    ) -> Answer {
        Answer { status, duration_us, headers, body, body_bytes_not_captured: missing, grpc_status, ended_early }
    }
}

prop_compose! {
    fn any_exchange()(
        mirror in any::<String>(), id in any::<u128>(), started_unix_us in any::<u64>(), headers in headers(1),
        body in some_bytes(), missing in any::<u64>(), answer in proptest::option::of(answer()),
    ) -> Exchange {
        let request = Some(Request { headers, body, body_bytes_not_captured: missing });
        Exchange { mirror, id: id.to_be_bytes().to_vec().into(), started_unix_us, request, answer }
    }
}

proptest! {
    #[test]
    fn both_spellings_lose_nothing(exchanges in proptest::collection::vec(any_exchange(), 0..5)) {
        let mut frames = Vec::new();
        for exchange in &exchanges {
            write_frame(exchange, &mut frames);
            let mut line = Vec::new();
            write_line(exchange, &mut line);
            prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            prop_assert_eq!(&from_line(&line), &Ok(exchange.clone()));
        }
        let read = decode_all(frames.clone().into()).map(|all| all.into_iter().unzip());
        let (read, raw): (Vec<_>, Vec<Bytes>) = read.expect("whole");
        prop_assert_eq!(read, exchanges);
        prop_assert_eq!(raw.concat(), frames);
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_all(bytes.clone().into());
        let _ = from_line(&bytes);
    }
}
