// SPDX-License-Identifier: Apache-2.0
//! What `shadow-filter check` says of the shipped files, and of files with faults and risks.
//!
//! The words are in `check/*.out`, to be read in review; with `UPDATE_GOLDEN=1` a run writes them anew.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use harness::root;
use shadow_filter_cli::check::{Outcome, Report, Terms};
use shadow_filter_cli::yaml;

#[path = "check/findings.rs"]
mod findings;

fn now() -> SystemTime {
    humantime::parse_rfc3339("2026-11-21T09:00:00Z").expect("a time")
}

fn check(name: &str, text: &str) -> Report {
    shadow_filter_cli::check::check(name, text, &terms(None))
}

fn terms(concurrency: Option<u32>) -> Terms {
    Terms { now: now(), allowed: BTreeSet::new(), concurrency }
}

/// A file of these tests, or of the repository.
fn read(file: &str) -> String {
    let path = if file.starts_with("tests/") { PathBuf::from(file) } else { root().join(file) };
    fs::read_to_string(path).expect(file)
}

fn said_of(file: &str) -> Report {
    check(file, &read(file))
}

/// Compares what is said of a file with the words that were agreed on.
#[track_caller]
fn holds(file: &str, outcome: Outcome) {
    let report = said_of(file);
    assert_eq!(report.outcome, outcome, "{}", report.text);
    let name = Path::new(file).file_name().and_then(|name| name.to_str()).expect("a name");
    let golden = Path::new("tests/check").join(format!("{name}.out"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &report.text).expect("written");
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(report.text, expected, "{}", golden.display());
}

#[test]
fn the_examples_are_explained() {
    let mut found = 0;
    for entry in fs::read_dir(root().join("examples/configs")).expect("examples") {
        let name = entry.expect("a file").file_name().into_string().expect("UTF-8");
        if name.ends_with(".json") {
            holds(&format!("examples/configs/{name}"), Outcome::Fine);
            found += 1;
        }
    }
    assert_eq!(found, 9);
}

#[test]
fn the_bootstraps_are_explained() {
    holds("envoy/envoy.yaml", Outcome::Fine);
    holds("envoy/envoy-http2.yaml", Outcome::Fine);
}

#[test]
fn the_manifests_are_explained() {
    holds("examples/istio/search.yaml", Outcome::Fine);
    holds("examples/envoy-gateway/extension-policy.yaml", Outcome::Fine);
    let mut without = Vec::new();
    for folder in ["examples/istio", "examples/istio/httpbin", "examples/istio/traffic-extension"] {
        for entry in fs::read_dir(root().join(folder)).expect(folder) {
            let name = entry.expect("a file").file_name().into_string().expect("UTF-8");
            let file = format!("{folder}/{name}");
            match name.ends_with(".yaml").then(|| said_of(&file)) {
                Some(report) if report.outcome == Outcome::Unreadable => without.push(name),
                Some(report) => assert_eq!(report.outcome, Outcome::Fine, "{}", report.text),
                None => {}
            }
        }
    }
    assert_eq!(without, ["metrics.yaml", "app.yaml"], "they have no plugin");
}

#[test]
fn errors_have_paths_and_lines() {
    holds("tests/check/faults.json", Outcome::Invalid);
    holds("tests/check/broken.json", Outcome::Invalid);
    holds("tests/check/manifests.yaml", Outcome::Invalid);
}

#[test]
fn every_way_to_hand_a_configuration_over_is_read() {
    holds("tests/check/bootstrap.yaml", Outcome::Invalid);
    holds("tests/check/traffic-extension.yaml", Outcome::Fine);
}

#[test]
fn what_cannot_be_redacted_is_said_not_to_be_copied() {
    let text = |overflow| {
        let body = format!(r#"{{"on_overflow": "{overflow}"}}"#);
        format!(r#"{{"mirrors": [{{"cluster": "c", "redact": {{"json": ["/a"]}}, "body": {body}}}]}}"#)
    };
    let says = |overflow, words| check("file", &text(overflow)).text.contains(words);
    assert!(says("skip", "a larger one is not copied, nor is one whose body is not JSON\n"));
    assert!(says("headers_only", "copied without it, one whose body is not JSON is not copied\n"));
}

#[test]
fn what_never_holds_is_told() {
    let text = r#"{"mirrors": [{
        "cluster": "c", "match": [{"methods": ["GET", "post"]}], "exclude": [{}, {"path": {"prefix": "/a?b="}}],
        "redact": {"json": ["/a", "/user/"]}
    }]}"#;
    let report = check("file", text);
    assert!(!report.text.contains("max_bytes"), "{}", report.text);
    for path in ["match[0].methods[1]: ", "exclude[1].path.prefix: ", "redact.json[1]: "] {
        assert!(report.text.contains(&format!(" warning: mirrors[0].{path}")), "{path}\n{}", report.text);
    }
    let text = r#"{"max_buffered_bytes": 65536, "mirrors": [{"cluster": "c"}]}"#;
    let report = check("file", text);
    assert!(report.text.contains("mirrors[0].body.max_bytes: 1 MiB"), "{}", report.text);
    let text =
        r#"{"mirrors": [{"cluster": "c", "match": [{"path": {"regex": "/a?"}}], "redact": {"json": [""]}}]}"#;
    let report = check("file", text);
    assert!(
        !["path.regex", "redact.json[0]"].iter().any(|path| report.text.contains(path)),
        "{}",
        report.text
    );
}

/// A word without quotes is a truth value to Envoy, wherever it stands.
#[test]
fn a_bare_word_is_what_envoy_makes_of_it() {
    let mirror = |keys: &str| format!("mirrors: [{{cluster: c, {keys}}}]\n");
    let texts = [
        (mirror("breaker: off"), false),
        (mirror("breaker: Off , percentage: 1"), false),
        (mirror("breaker: 'off'"), true),
        (mirror("breaker: !!str off"), false),
        (mirror("breaker: \"off\""), true),
        (mirror("name: n"), false),
        (mirror("name: oFF"), true),
        ("mirrors:\n- cluster: &a off\n  name: b\n- cluster: d\n  breaker: *a\n".into(), false),
        ("mirrors:\n- {\"cluster\": c,\n   breaker:\n     off }\n".into(), false),
        ("mirrors:\n- cluster: c\n  breaker: |-\n    off\n".into(), true),
        ("mirrors:\n- cluster: c\n  ? breaker\n  : off # as it was\n".into(), false),
        ("---\n# none\n---\nmirrors:\n-\n  cluster: c\n  breaker:\n    off\n".into(), false),
    ];
    for (text, valid) in texts {
        let report = check("file", &text);
        let expected = if valid { Outcome::Fine } else { Outcome::Invalid };
        assert_eq!(report.outcome, expected, "{text}\n{}", report.text);
    }
}

#[test]
fn lines_are_those_of_flow_style_too() {
    let text = "mirrors: [\n  {cluster: c, percentage: 1},\n  {cluster: d,\n   \"timeout\": 5}]\n";
    let report = check("file", text);
    assert!(report.text.contains("file:4: mirrors[1].timeout: found 5"), "{}", report.text);
}

#[test]
fn risks_are_named_and_credentials_are_not_shown() {
    holds("tests/check/risky.json", Outcome::Fine);
    assert!(!said_of("tests/check/risky.json").text.contains("secret"));
}

#[test]
fn a_bootstrap_in_json_says_what_yaml_says() {
    let file = "tests/check/bootstrap.yaml";
    let text = read(file).replace("breaker: off", "breaker: false");
    let json = yaml::documents(&text).expect("YAML").remove(0).value.to_string();
    let without_lines = |report: Report| -> Vec<String> {
        let words = report.text.lines().map(|line| line.split(": ").skip_while(|part| part.contains("file")));
        words.map(|parts| parts.collect::<Vec<_>>().join(": ").trim().to_owned()).collect()
    };
    assert_eq!(without_lines(check("file", &json)), without_lines(check("file", &text)));
}

#[test]
fn what_has_no_plugin_or_no_form_cannot_be_checked() {
    for text in ["", " \n", "a: [", "kind: Pod\napiVersion: v1\n", "just text", "a: 1\n---\nb: [1]\n"] {
        assert_eq!(check("file", text).outcome, Outcome::Unreadable, "{text}");
    }
    for text in ["{}", "[]", "7", "{", "{\"mirror\": []}"] {
        assert_eq!(check("file", text).outcome, Outcome::Invalid, "{text}");
    }
    // As deep as a reader goes, and deeper.
    for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "- ".repeat(1000)] {
        assert_ne!(check("file", &text).outcome, Outcome::Fine);
    }
}

#[test]
fn the_program_says_it_by_its_exit_code() {
    let run_with = |options: &[&str], file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadow-filter"));
        command.arg("check").args(options).arg(file).current_dir(root()).stdin(Stdio::null());
        let output = command.output().expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let run = |file: &str| run_with(&[], file);
    let (code, said) = run("examples/configs/read-only.json");
    assert_eq!(code, Some(0));
    // All but the last line, which proposes a day from now.
    let without_day = |text: &str| text.rsplit_once("write \"until\"").map(|(before, _)| before.to_owned());
    assert_eq!(without_day(&said), without_day(&said_of("examples/configs/read-only.json").text));
    assert_eq!(run("tools/cli/tests/check/faults.json").0, Some(1));
    assert_eq!(run("no-such-file").0, Some(2));
    assert_eq!(run("-").0, Some(2), "standard input is empty");
    let (code, said) = run_with(&["--deny-warnings"], "examples/configs/read-only.json");
    assert_eq!((code, said.ends_with("\ndenied: 1 warning\n")), (Some(1), true), "{said}");
    let (code, said) =
        run_with(&["--deny-warnings", "--concurrency", "4"], "tools/cli/tests/check/careful.yaml");
    assert_eq!((code, said.contains("denied")), (Some(0), false), "{said}");
    assert_eq!(run_with(&["--deny-warnings"], "no-such-file").0, Some(2));
    let (code, said) =
        run_with(&["--deny-warnings", "--allow", "no-end,rate"], "examples/configs/read-only.json");
    assert_eq!((code, said.contains("warning")), (Some(0), false), "{said}");
    assert_eq!(run_with(&["--allow", "no-such"], "examples/configs/read-only.json").0, Some(2));
}
