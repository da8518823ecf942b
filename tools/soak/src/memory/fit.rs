// SPDX-License-Identifier: Apache-2.0
//! A straight line through measurements, by least squares.

/// Slope and its standard error, in units of y for each unit of x. NaN for fewer than three points.
///
/// The error takes the residuals as independent, which those of a process' memory are not: it is a lower bound.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub slope: f64,
    pub error: f64,
}

impl Line {
    pub fn through(points: impl Iterator<Item = (f64, f64)>) -> Self {
        let points: Vec<(f64, f64)> = points.collect();
        let count = points.len() as f64;
        if count < 3.0 {
            return Self { slope: f64::NAN, error: f64::NAN };
        }
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
        let residuals: f64 = points.iter().map(|(x, y)| (y - mean_y - slope * (x - mean_x)).powi(2)).sum();
        Self { slope, error: (residuals / (count - 2.0) / spread).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_noise_is_found_within_its_error() {
        let noise = |index: u32| if index.is_multiple_of(2) { 1.0 } else { -1.0 };
        let line =
            Line::through((0..100).map(|index| (f64::from(index), 3.0 * f64::from(index) + noise(index))));
        assert!((line.slope - 3.0).abs() < 2.0 * line.error, "{line:?}");
        assert!(line.error < 0.01, "{line:?}");
    }

    #[test]
    fn two_points_have_no_error() {
        assert!(Line::through([(0.0, 1.0), (1.0, 2.0)].into_iter()).error.is_nan());
    }
}
