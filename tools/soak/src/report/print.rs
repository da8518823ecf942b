// SPDX-License-Identifier: Apache-2.0
//! The report as tables.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::Value;

use super::{Report, Section};

impl Report {
    pub fn print(&self) {
        for part in &self.parts {
            part.print();
        }
        let findings: usize =
            self.parts.iter().map(|part| part.findings.len() + part.findings_not_kept).sum();
        match findings {
            0 => println!("No findings (seed {}).", self.seed),
            some => println!("{some} findings (seed {}).", self.seed),
        }
    }
}

impl Section {
    fn print(&self) {
        let interrupted = if self.interrupted { ", interrupted" } else { "" };
        println!("\n{} ({:.0} s{interrupted})", self.name, self.seconds);
        let mut figures = comfy_table::Table::new();
        figures.load_style(UTF8_FULL_CONDENSED);
        for (name, value) in &self.figures {
            figures.add_row([name.clone(), text(value)]);
        }
        println!("{figures}");
        for table in &self.tables {
            let mut shown = comfy_table::Table::new();
            shown.load_style(UTF8_FULL_CONDENSED).set_header(&table.header);
            for row in &table.rows {
                shown.add_row(row.iter().map(text));
            }
            println!("{shown}");
        }
        for finding in &self.findings {
            println!(
                "\nFINDING: {}\n{}\nrepeat: {}",
                finding.what,
                finding.details.trim_end(),
                finding.repeat
            );
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}
