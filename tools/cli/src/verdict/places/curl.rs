// SPDX-License-Identifier: Apache-2.0
//! A command that repeats a request, as far as the log has it.

use super::line::Pair;

/// The module ends with it what it has cut.
const CUT: char = '…';
/// Where the command is sent unless that is known.
const SOMEWHERE: &str = "\"$SHADOW\"";

/// `None` where the path was cut or is none. The body is never in the log.
pub(super) fn command(pair: &Pair, at: Option<&str>) -> Option<String> {
    if pair.path.ends_with(CUT) || !pair.path.starts_with('/') {
        return None;
    }
    let mut words = vec!["curl -sS".to_owned()];
    match pair.method.as_str() {
        "GET" => {}
        "HEAD" => words.push("-I".to_owned()),
        method => words.push(format!("-X {}", quoted(method))),
    }
    for (name, value) in pair.headers.iter().filter(|(_, value)| !value.ends_with(CUT)) {
        words.push(format!("-H {}", quoted(&format!("{name}: {value}"))));
    }
    let at = at.map_or(SOMEWHERE.to_owned(), |at| quoted(at.trim_end_matches('/')));
    words.push(format!("{at}{}", quoted(&pair.path)));
    Some(words.join(" "))
}

/// One word for a shell, whatever is in it.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
