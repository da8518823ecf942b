// SPDX-License-Identifier: Apache-2.0
//! The latencies of both sides over each other, on a logarithmic axis of time, and below it where the percentiles lie.

use maud::{Markup, html};

use super::super::judge::{Judgement, Measure};
use super::super::statistics::{Estimate, Histogram};
use super::super::tally::Tally;
use super::super::words::{thousands, time};

/// Bars of the picture for each factor of ten.
const PER_DECADE: f64 = 12.0;
const TOP: f64 = 8.0;
const LEFT: f64 = 46.0;
/// The smallest share that is drawn: one answer in ten thousand.
const LEAST: f64 = 1e-4;
const RIGHT: f64 = 10.0;
const ROW: f64 = 28.0;
const TICKS: f64 = 22.0;

/// One picture for a wide screen and one for a phone; the style sheet shows the one that fits.
pub fn both(tally: &Tally, judgement: &Judgement) -> Markup {
    let (primary, shadow) = (&tally.baseline().durations, &tally.shadow.durations);
    if primary.measured() == 0 && shadow.measured() == 0 {
        return html! { p { "There are no durations yet." } };
    }
    let late = tally.failed.get("timeout").copied().unwrap_or(0);
    html! {
        (chart(tally, judgement, 720.0, 240.0, "wide"))
        (chart(tally, judgement, 340.0, 190.0, "narrow"))
        p class="dim" {
            "Share of the answers by the time they took, both on logarithmic axes; beside the percentiles the interval that holds each."
            @if late > 0 { " Not drawn: " (thousands(late)) " copies without an answer in time, slower than all of these." }
        }
    }
}

fn chart(tally: &Tally, judgement: &Judgement, width: f64, height: f64, class: &str) -> Markup {
    let sides = [("primary", bars(&tally.baseline().durations)), ("shadow", bars(&tally.shadow.durations))];
    let all = || sides.iter().flat_map(|(_, bars)| bars);
    let from = all().map(|bar| bar.0).fold(i32::MAX, i32::min);
    let to = all().map(|bar| bar.0 + 1).fold(i32::MIN, i32::max);
    let highest = all().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    let axis = Axis { from: f64::from(from) - 1.0, to: f64::from(to) + 1.0, width };
    let bottom = height - TICKS;
    // On a logarithmic axis one answer in two hundred is seen beside the many.
    let decades = (highest / LEAST).log10().max(1.0);
    let y = |share: f64| bottom - (share.max(LEAST) / LEAST).log10() / decades * (bottom - TOP);
    let rows: Vec<(&str, Estimate, Estimate)> = judgement
        .findings
        .iter()
        .filter_map(|finding| match &finding.measure {
            Measure::Latency { comparison, .. } if finding.criterion.quantile().is_some() => {
                Some((finding.criterion.words(), comparison.primary, comparison.shadow))
            }
            _ => None,
        })
        .collect();
    let total = height + ROW * rows.len() as f64 + 6.0;
    html! {
        svg class={ "chart " (class) } viewBox=(format!("0 0 {width} {total}")) role="img"
            aria-label="Distribution of the latencies of primary and shadow" {
            @for (at, label) in axis.ticks(class == "wide") {
                line class="grid" x1=(px(at)) x2=(px(at)) y1=(TOP) y2=(px(total - 4.0)) {}
                text class="tick" x=(px(at)) y=(px(bottom + 15.0)) text-anchor="middle" { (label) }
            }
            @for (share, label) in [(0.1, "10 %"), (0.01, "1 %"), (0.001, "0.1 %")] {
                @if share < highest {
                    line class="grid" x1=(LEFT) x2=(px(width - RIGHT)) y1=(px(y(share))) y2=(px(y(share))) {}
                    text class="tick" x=(px(LEFT - 6.0)) y=(px(y(share) + 4.0)) text-anchor="end" { (label) }
                }
            }
            line class="axis" x1=(LEFT) x2=(px(width - RIGHT)) y1=(bottom) y2=(bottom) {}
            @for (side, bars) in &sides {
                path class={ "area " (side) } d=(outline(bars, &axis, &y, bottom)) {}
            }
            @for (side, bars) in &sides {
                path class={ "line " (side) } d=(outline(bars, &axis, &y, bottom)) {}
            }
            @for (place, (name, primary, shadow)) in rows.iter().enumerate() {
                @let middle = height + ROW * (place as f64 + 0.5);
                text class="name" x="0" y=(px(middle + 4.0)) { (name) }
                (interval("primary", primary, &axis, middle - 5.0))
                (interval("shadow", shadow, &axis, middle + 5.0))
            }
        }
    }
}

fn interval(side: &str, estimate: &Estimate, axis: &Axis, y: f64) -> Markup {
    let (low, high) = (axis.x(estimate.low), axis.x(estimate.high));
    // An interval that is too narrow to be seen still has a place.
    let (low, high) = if high - low < 3.0 { (low - 1.5, high + 1.5) } else { (low, high) };
    let said =
        format!("{side}: {} ({} to {})", time(estimate.value), time(estimate.low), time(estimate.high));
    html! {
        line class={ "interval " (side) } x1=(px(low)) x2=(px(high)) y1=(px(y)) y2=(px(y)) { title { (said) } }
        @if estimate.value.is_finite() {
            circle class={ "dot " (side) } cx=(px(axis.x(estimate.value))) cy=(px(y)) r="3.5" {}
        }
    }
}

/// Time on a logarithmic axis, in bars.
struct Axis {
    from: f64,
    to: f64,
    width: f64,
}

impl Axis {
    fn x(&self, milliseconds: f64) -> f64 {
        self.bar(milliseconds.max(1e-3).log10() * PER_DECADE)
    }

    fn bar(&self, bar: f64) -> f64 {
        let part = ((bar - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        LEFT + part * (self.width - LEFT - RIGHT)
    }

    /// Round times that fit, with their places.
    fn ticks(&self, wide: bool) -> Vec<(f64, String)> {
        let decades = (self.to - self.from) / PER_DECADE;
        let digits: &[f64] = match (decades, wide) {
            (..2.0, _) | (..4.0, true) => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let powers = -3..6;
        let all = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
        let fits = |ms: &f64| (self.from..=self.to).contains(&(ms.log10() * PER_DECADE));
        all.filter(fits).map(|ms| (self.x(ms), time(ms))).collect()
    }
}

/// The share of the answers in each bar of the axis. What a bucket has is spread over the bars that it covers.
fn bars(histogram: &Histogram) -> Vec<(i32, f64)> {
    let total = histogram.measured().max(1) as f64;
    let mut bars: std::collections::BTreeMap<i32, f64> = std::collections::BTreeMap::new();
    for bucket in histogram.buckets.iter().filter(|bucket| bucket.count > 0) {
        let upper = if bucket.upper.is_finite() { bucket.upper } else { bucket.lower * 2.0 };
        let lower = if bucket.lower > 0.0 { bucket.lower } else { upper / 2.0 };
        let (start, end) = (lower.log10() * PER_DECADE, upper.log10() * PER_DECADE);
        for bar in start.floor() as i32..=end.ceil() as i32 {
            let covered = (end.min(f64::from(bar) + 1.0) - start.max(f64::from(bar))).max(0.0);
            if covered > 0.0 {
                *bars.entry(bar).or_default() += bucket.count as f64 / total * covered / (end - start);
            }
        }
    }
    bars.into_iter().collect()
}

fn outline(bars: &[(i32, f64)], axis: &Axis, y: &impl Fn(f64) -> f64, bottom: f64) -> String {
    let mut path = String::new();
    let mut reached = None;
    for (bar, share) in bars {
        let (left, right) = (px(axis.bar(f64::from(*bar))), px(axis.bar(f64::from(*bar) + 1.0)));
        if reached != Some(*bar) {
            let start = if path.is_empty() { "M" } else { "L" };
            if let Some(end) = reached {
                path += &format!("L{} {} ", px(axis.bar(f64::from(end))), px(bottom));
            }
            path += &format!("{start}{left} {} ", px(bottom));
        }
        path += &format!("L{left} {0} L{right} {0} ", px(y(*share)));
        reached = Some(bar + 1);
    }
    if let Some(end) = reached {
        path += &format!("L{} {}", px(axis.bar(f64::from(end))), px(bottom));
    }
    path
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}
