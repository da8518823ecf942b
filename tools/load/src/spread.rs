// SPDX-License-Identifier: Apache-2.0
//! A few numbers that stand for many: the median, and how far the rest is from it.

use serde::Serialize;

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub median: f64,
    /// The quartiles.
    pub q1: f64,
    pub q3: f64,
    pub min: f64,
    pub max: f64,
    pub count: usize,
}

impl Spread {
    /// Of nothing, all of it is NaN.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| quantile(&values, share);
        Self { median: at(0.5), q1: at(0.25), q3: at(0.75), min: at(0.0), max: at(1.0), count: values.len() }
    }

    /// How far the median may be off by chance: the half length of a box plot's notch, about the 95 % confidence interval of
    /// the median (McGill, Tukey, Larsen: Variations of Box Plots, 1978).
    pub fn notch(&self) -> f64 {
        1.57 * (self.q3 - self.q1) / (self.count as f64).sqrt()
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let below = sorted.get(place.floor() as usize).copied().unwrap_or(f64::NAN);
    let above = sorted.get(place.ceil() as usize).copied().unwrap_or(f64::NAN);
    below + (above - below) * place.fract()
}
