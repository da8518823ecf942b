// SPDX-License-Identifier: Apache-2.0
//! The picture: what each scenario adds, and how that grows.

use std::error::Error;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::group::Group;
use crate::report::Report;
use crate::scenario::{Mirroring, Scenario, Wire};
use crate::work::Curve;

const SIZE: (u32, u32) = (1000, 420);
const CURVES: u32 = 640;
const FONT: &str = "sans-serif";
const NATIVE: RGBColor = RGBColor(120, 120, 120);
const FILTER: RGBColor = RGBColor(20, 110, 180);
const BEFORE: RGBColor = RGBColor(220, 140, 40);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

pub fn draw(report: &Report, file: &Path) -> Result<()> {
    try_draw(report, file).map_err(|error| anyhow!("draw {}: {error}", file.display()))
}

fn try_draw(report: &Report, file: &Path) -> Drawn {
    let bars = if report.main.is_some() { SIZE.1 } else { 0 };
    let curves = if report.curves.is_empty() { 0 } else { CURVES };
    if bars + curves == 0 {
        return Err("neither the main table nor the curves were measured".into());
    }
    let area = SVGBackend::new(file, (SIZE.0, bars + curves)).into_drawing_area();
    area.fill(&WHITE)?;
    let (above, below) = area.split_vertically(bars);
    if let Some(main) = &report.main {
        draw_bars(&above, main)?;
    }
    for ((curve, groups), panel) in report.curves.iter().zip(below.split_evenly((2, 2))) {
        draw_curve(&panel, curve, groups)?;
    }
    area.present()?;
    Ok(())
}

/// What each scenario adds to the processor time of a request.
fn draw_bars(area: &Area, main: &Group) -> Drawn {
    let rows: Vec<(&Scenario, f64)> = main
        .rows
        .iter()
        .filter_map(|row| Some((&row.scenario, main.added(&row.scenario.name)?.median)))
        .filter(|(scenario, _)| scenario.mirroring != Mirroring::None)
        .collect();
    let longest = rows.iter().map(|(_, added)| *added).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("CPU µs that mirroring adds to a request", (FONT, 16))
        .margin(12)
        .margin_left(170)
        .margin_right(60)
        .build_cartesian_2d(0.0..longest, 0.0..rows.len() as f64)?;
    for (index, (scenario, added)) in rows.iter().enumerate() {
        let bottom = (rows.len() - index - 1) as f64;
        let bar = [(0.0, bottom + 0.15), (*added, bottom + 0.85)];
        chart.draw_series([Rectangle::new(bar, color(scenario).filled())])?;
        let (left, y) = chart.backend_coord(&(0.0, bottom + 0.7));
        let (right, _) = chart.backend_coord(&(added.max(0.0), 0.0));
        let top = area.get_base_pixel().1;
        area.draw(&Text::new(scenario.name.clone(), (left - 160, y - top), (FONT, 13)))?;
        area.draw(&Text::new(format!("{added:.1}"), (right + 6, y - top), (FONT, 13)))?;
    }
    Ok(())
}

/// What is added at each point, over points at equal distances.
fn draw_curve(area: &Area, curve: &Curve, groups: &[Group]) -> Drawn {
    let lines = lines(groups);
    let highest = lines.iter().flat_map(|(_, line)| line).map(|(_, added)| *added).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("added µs by {}", curve.axis), (FONT, 15))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(40)
        .build_cartesian_2d(-0.2..curve.points.len() as f64 - 0.8, 0.0..highest * 1.1)?;
    let label = |place: &f64| {
        let point = curve.points.get(place.round() as usize);
        point.filter(|_| place.fract() == 0.0).map_or(String::new(), |point| point.x.to_string())
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_labels(10 * curve.points.len())
        .x_label_formatter(&label)
        .draw()?;
    for (scenario, line) in &lines {
        let color = color(scenario);
        let points = line.iter().map(|point| Circle::new(*point, 3, color.filled()));
        match is_http2(scenario) {
            true => drop(chart.draw_series(LineSeries::new(line.clone(), color.stroke_width(2)))?),
            false => drop(chart.draw_series(DashedLineSeries::new(line.clone(), 5, 4, color.into()))?),
        }
        chart
            .draw_series(points)?
            .label(scenario.name.clone())
            .legend(move |(x, y)| Circle::new((x + 6, y), 4, color.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font((FONT, 11))
        .background_style(WHITE.mix(0.7))
        .draw()?;
    Ok(())
}

/// The scenarios of the first point, each with what it (or its like with more mirrors) adds at every point.
fn lines(groups: &[Group]) -> Vec<(&Scenario, Vec<(f64, f64)>)> {
    let Some(first) = groups.first() else { return Vec::new() };
    let line = |row: usize| -> Vec<(f64, f64)> {
        let added = |group: &Group| Some(group.added(&group.rows.get(row)?.scenario.name)?.median);
        groups.iter().enumerate().filter_map(|(x, group)| Some((x as f64, added(group)?))).collect()
    };
    let rows = first.rows.iter().enumerate();
    rows.filter(|(_, row)| row.scenario.mirroring != Mirroring::None)
        .map(|(index, row)| (&row.scenario, line(index)))
        .collect()
}

fn color(scenario: &Scenario) -> RGBColor {
    match scenario.mirroring {
        Mirroring::None | Mirroring::Idle | Mirroring::Native { .. } => NATIVE,
        Mirroring::Filter { .. } if scenario.name.starts_with("before") => BEFORE,
        Mirroring::Filter { .. } => FILTER,
    }
}

fn is_http2(scenario: &Scenario) -> bool {
    match scenario.mirroring {
        Mirroring::Native { wire, .. } | Mirroring::Filter { wire, .. } => wire == Wire::Http2,
        Mirroring::None | Mirroring::Idle => true,
    }
}
