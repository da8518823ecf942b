// SPDX-License-Identifier: Apache-2.0
//! The latencies of both sides over each other: which share of the answers took longer than each time. It is drawn through the ends of
//! the buckets, where it was measured. Below it where the percentiles lie.

use maud::{Markup, html};

use super::super::judge::{Judgement, Measure};
use super::super::statistics::{Estimate, Histogram};
use super::super::tally::Tally;
use super::super::words::{thousands, time};

const TOP: f64 = 10.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const ROW: f64 = 28.0;
const TICKS: f64 = 24.0;
/// A label is so wide, at the most, on either side of its tick.
const HALF_LABEL: f64 = 22.0;
/// Shares with a line.
const SHARES: [(f64, &str); 6] =
    [(1.0, "all"), (0.5, "50 %"), (0.1, "10 %"), (0.01, "1 %"), (0.001, "0.1 %"), (0.0001, "0.01 %")];
/// The smallest share that is drawn.
const LEAST: f64 = 1e-5;

/// One picture for a wide screen and one for a phone; the style sheet shows the one that fits.
pub fn both(tally: &Tally, judgement: &Judgement) -> Markup {
    let (baseline, shadow) = (tally.baseline(), tally.shadow_ends());
    if baseline.durations.measured() == 0 && shadow.durations.measured() == 0 {
        return html! { p { "There are no durations yet." } };
    }
    let curves = [Curve::of(&baseline.durations), Curve::of(&shadow.durations)];
    let late = tally.failed.get("timeout").copied().unwrap_or(0);
    html! {
        (chart(&curves, judgement, 720.0, 280.0, "wide"))
        (chart(&curves, judgement, 340.0, 220.0, "narrow"))
        p class="dim" {
            "The share of the answers that took longer than a time; both axes are logarithmic. Beside the percentiles the interval that \
             holds each."
            @if late > 0 { " " (thousands(late)) " copies have no answer in time: the dotted line." }
        }
    }
}

/// Times in milliseconds, each with the share of the answers that took longer.
struct Curve {
    points: Vec<(f64, f64)>,
    /// The share without an end: answers in a bucket without an upper end, and those that never came.
    beyond: f64,
    /// The share of one answer.
    one: f64,
}

impl Curve {
    fn of(histogram: &Histogram) -> Self {
        let all = histogram.count().max(1) as f64;
        let (mut points, mut left) = (Vec::new(), histogram.count());
        for bucket in histogram.buckets.iter().filter(|bucket| bucket.count > 0 && bucket.upper.is_finite()) {
            let lower = if bucket.lower > 0.0 { bucket.lower } else { bucket.upper / 2.0 };
            points.push((lower, left as f64 / all));
            left = left.saturating_sub(bucket.count);
            points.push((bucket.upper, left as f64 / all));
        }
        Self { points, beyond: left as f64 / all, one: 1.0 / all }
    }
}

fn chart(curves: &[Curve; 2], judgement: &Judgement, width: f64, height: f64, class: &str) -> Markup {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let from = points().map(|(ms, _)| *ms).fold(f64::INFINITY, f64::min).log10() - 0.05;
    let to = points().map(|(ms, _)| *ms).fold(f64::MIN_POSITIVE, f64::max).log10() + 0.15;
    let axis = Axis { from: from.min(to - 0.5), to, width };
    let bottom = height - TICKS;
    let least = curves.iter().map(|curve| curve.one).fold(0.01, f64::min).max(LEAST) * 0.7;
    let y = |share: f64| TOP + (share.max(least).log10() / least.log10()) * (bottom - TOP);
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
            aria-label="How long the answers of primary and shadow take" {
            @for (at, label) in axis.ticks(class == "wide") {
                line class="grid" x1=(px(at)) x2=(px(at)) y1=(TOP) y2=(px(total - 4.0)) {}
                text class="tick" x=(px(at.min(width - HALF_LABEL))) y=(px(bottom + 16.0)) text-anchor="middle" { (label) }
            }
            @for (share, label) in SHARES.iter().filter(|(share, _)| *share > least) {
                line class="grid" x1=(LEFT) x2=(px(width - RIGHT)) y1=(px(y(*share))) y2=(px(y(*share))) {}
                text class="tick" x=(px(LEFT - 6.0)) y=(px(y(*share) + 4.0)) text-anchor="end" { (label) }
            }
            line class="axis" x1=(LEFT) x2=(px(width - RIGHT)) y1=(bottom) y2=(bottom) {}
            @for (side, curve) in ["primary", "shadow"].iter().zip(curves) {
                path class={ "line " (side) } d=(line(curve, &axis, &y)) {}
                @if let (Some((last, _)), true) = (curve.points.last(), curve.beyond > 0.0) {
                    line class={ "late " (side) } x1=(px(axis.x(*last))) x2=(px(width - RIGHT))
                        y1=(px(y(curve.beyond))) y2=(px(y(curve.beyond))) {}
                }
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
        @if estimate.high.is_infinite() {
            path class={ "endless " (side) } d=(format!("M{} {} l8 5 l-8 5 z", px(high), px(y - 5.0))) {}
        }
        @if estimate.value.is_finite() {
            circle class={ "dot " (side) } cx=(px(axis.x(estimate.value))) cy=(px(y)) r="3.5" {}
        }
    }
}

/// Time on a logarithmic axis.
struct Axis {
    /// Powers of ten, in milliseconds.
    from: f64,
    to: f64,
    width: f64,
}

impl Axis {
    fn x(&self, milliseconds: f64) -> f64 {
        let part = (milliseconds.max(1e-3).log10() - self.from) / (self.to - self.from);
        LEFT + part.clamp(0.0, 1.0) * (self.width - LEFT - RIGHT)
    }

    /// Round times that fit, with their places.
    fn ticks(&self, wide: bool) -> Vec<(f64, String)> {
        let digits: &[f64] = match (self.to - self.from, wide) {
            (..2.0, _) | (..4.0, true) => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let powers = -3..6;
        let all = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
        let fits = |ms: &f64| (self.from..=self.to).contains(&ms.log10());
        all.filter(fits).map(|ms| (self.x(ms), time(ms))).collect()
    }
}

fn line(curve: &Curve, axis: &Axis, y: &impl Fn(f64) -> f64) -> String {
    let points = curve.points.iter().enumerate();
    let point = |(place, (ms, share)): (usize, &(f64, f64))| {
        format!("{}{} {}", if place == 0 { "M" } else { "L" }, px(axis.x(*ms)), px(y(*share)))
    };
    points.map(point).collect::<Vec<_>>().join(" ")
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::super::super::statistics::Bucket;
    use super::*;

    #[test]
    fn a_curve_goes_through_what_was_measured_and_no_more() {
        let bucket = |lower, upper, count| Bucket { lower, upper, count };
        let histogram = Histogram {
            buckets: vec![
                bucket(1.0, 2.0, 90),
                bucket(2.0, 3.0, 0),
                bucket(8.0, 10.0, 9),
                bucket(60.0, f64::INFINITY, 1),
            ],
            beyond: 100,
        };
        let found = Curve::of(&histogram);
        assert_eq!(found.points, [(1.0, 1.0), (2.0, 0.55), (8.0, 0.55), (10.0, 0.505)]);
        assert_eq!((found.beyond, found.one), (0.505, 0.005));
    }
}
