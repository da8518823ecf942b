// SPDX-License-Identifier: Apache-2.0
//! What the clients send: one base point, and the curves that leave it in one dimension at a time.

use crate::scenario::{Build, Scenario, Wire};

/// The rate of the main table, over all connections. Envoy's worker is busy for less than half of the time.
const RATE: f64 = 3000.0;
/// The rate of the curves: the costliest of their points is still far below saturation.
const CURVE_RATE: f64 = 800.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Size of the body of a POST; without one it is a GET.
    pub body: Option<usize>,
    /// Headers on the wire, `host` and `user-agent` included.
    pub headers: usize,
    pub connections: usize,
    /// Requests per second, over all connections.
    pub rate: f64,
}

impl Work {
    /// GET with 12 browser-like headers.
    pub const MAIN: Self = Self { body: None, headers: 12, connections: 32, rate: RATE };

    const CURVE: Self = Self { rate: CURVE_RATE, ..Self::MAIN };

    /// Headers for the generator, without the `host` that it adds itself.
    pub fn header_lines(&self) -> Vec<String> {
        let browser = BROWSER.iter().map(|line| (*line).to_owned());
        let more =
            (BROWSER.len() + 1..).map(|n| format!("x-request-detail-{n:03}: 0123456789abcdef01234567"));
        browser.chain(more).take(self.headers.saturating_sub(1)).collect()
    }
}

const BROWSER: [&str; 11] = [
    "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language: en-GB,en;q=0.8,de;q=0.5",
    "accept-encoding: gzip, deflate, br, zstd",
    "referer: https://shop.example/lamps?page=2",
    "cookie: session=4f1c8a9be27d4c6f9a0e5b7d; consent=all; theme=dark",
    "sec-fetch-dest: document",
    "sec-fetch-mode: navigate",
    "sec-fetch-site: same-origin",
    "priority: u=0, i",
    "dnt: 1",
];

/// How the cost grows in one dimension.
pub struct Curve {
    pub name: &'static str,
    /// What is on the x axis.
    pub axis: &'static str,
    pub points: Vec<Point>,
}

pub struct Point {
    pub x: usize,
    pub work: Work,
    pub scenarios: Vec<Scenario>,
}

impl Curve {
    pub fn all(compare: bool) -> Vec<Self> {
        let body = |x| (x, 1, Work { body: (x > 0).then_some(x), ..Work::CURVE });
        let mirrors = |x| (x, x, Work::CURVE);
        let headers = |x| (x, 1, Work { headers: x, ..Work::CURVE });
        let connections = |x| (x, 1, Work { connections: x, ..Work::CURVE });
        vec![
            Self::new("body", "bytes of the body", compare, [0, 4096, 65536].map(body)),
            Self::new("mirrors", "mirrors", compare, [1, 2, 4, 8].map(mirrors)),
            Self::new("headers", "headers of the request", compare, [10, 50, 100].map(headers)),
            Self::new("connections", "client connections", compare, [1, 32, 256].map(connections)),
        ]
    }

    fn new<const N: usize>(
        name: &'static str,
        axis: &'static str,
        compare: bool,
        points: [(usize, usize, Work); N],
    ) -> Self {
        let point = |(x, mirrors, work)| Point { x, work, scenarios: scenarios(mirrors, compare) };
        Self { name, axis, points: points.map(point).into() }
    }
}

fn scenarios(mirrors: usize, compare: bool) -> Vec<Scenario> {
    let mut scenarios = vec![Scenario::none()];
    for wire in Wire::BOTH {
        scenarios.push(Scenario::native(wire, mirrors));
        scenarios.push(Scenario::filter(Build::Current, wire, mirrors));
        if compare {
            scenarios.push(Scenario::filter(Build::Before, wire, mirrors));
        }
    }
    scenarios
}
