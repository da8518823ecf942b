// SPDX-License-Identifier: Apache-2.0
//! The page in a real browser, at the width of a screen and of a phone, by day and by night.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use png::ColorType;

use shadow_filter_cli::verdict::said_of;

const TAGGED: &str = include_str!("../recorded/tagged.prom");
const DETAILED: &str = include_str!("../recorded/detailed.json");
/// No browser makes its window narrower than half a phone; a frame in it can be.
const PHONE: u32 = 360;

fn page_of(answer: &str) -> Result<String> {
    Ok(said_of(answer, "v2")?.1)
}

fn browser() -> Result<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let runs = |name: &&&str| {
        let mut command = Command::new(name);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    names
        .iter()
        .find(runs)
        .copied()
        .ok_or_else(|| anyhow!("no {} in PATH; on Debian: apt-get install chromium", names.join(", ")))
}

fn run(page: &Path, arguments: &[String]) -> Result<Vec<u8>> {
    let profile = tempfile::tempdir()?;
    let output = Command::new(browser()?)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"])
        .args(["--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Width, height and pixels (RGB).
struct Picture {
    width: u32,
    pixels: Vec<[u8; 3]>,
}

fn screenshot(page: &Path, width: u32, dark: bool) -> Result<Picture> {
    let name = format!("verdict-{width}{}.png", if dark { "-dark" } else { "" });
    // Kept for whoever wants to look.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut arguments =
        vec![format!("--window-size={width},3200"), format!("--screenshot={}", file.display())];
    if dark {
        arguments.push("--force-dark-mode".into());
    }
    run(page, &arguments)?;
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&file)?));
    let mut reader = decoder.read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().context("a size")?];
    let info = reader.next_frame(&mut bytes)?;
    let per_pixel = match info.color_type {
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        other => return Err(anyhow!("{other:?}")),
    };
    let pixels = bytes.chunks_exact(per_pixel).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    Ok(Picture { width: info.width, pixels })
}

impl Picture {
    fn brightness(&self) -> f64 {
        let sum: u64 = self.pixels.iter().flatten().map(|part| u64::from(*part)).sum();
        sum as f64 / (self.pixels.len() * 3) as f64
    }

    fn colors(&self) -> usize {
        self.pixels.iter().collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Pixels that are near enough to a colour.
    fn count(&self, color: [u8; 3]) -> usize {
        let near = |pixel: &&[u8; 3]| pixel.iter().zip(color).all(|(a, b)| a.abs_diff(b) < 12);
        self.pixels.iter().filter(near).count()
    }
}

/// A page around the page, in a frame that is so wide, which says what the frame holds.
fn framed(html: &str, width: u32) -> String {
    let escaped = html.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!doctype html><body><iframe id=f style=\"width:{width}px;height:800px;border:0\" srcdoc=\"{escaped}\"></iframe>\
         <script>document.getElementById('f').onload = event => {{\
           const inside = event.target.contentDocument, shown = inside.defaultView;\
           const seen = selector => [...inside.querySelectorAll(selector)].filter(e => e.getClientRects().length).length;\
           const wide = [...inside.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > {width} + 0.5\
             && shown.getComputedStyle(e).position != 'absolute');\
           document.title = JSON.stringify({{ scroll: inside.documentElement.scrollWidth, wide: wide.map(e => e.outerHTML.slice(0, 80)),\
             first: inside.querySelector('h1').textContent, top: inside.querySelector('h1').getBoundingClientRect().top,\
             charts: seen('svg.narrow'), others: seen('svg.wide'),\
             smallest: Math.min(...[...inside.querySelectorAll('svg.narrow text')].map(e => e.getBoundingClientRect().height)) }});\
         }};</script>"
    )
}

#[test]
fn the_page_fits_a_phone_and_begins_with_the_verdict() -> Result<()> {
    let files = tempfile::tempdir()?;
    let file = files.path().join("frame.html");
    for text in [TAGGED, DETAILED] {
        fs::write(&file, framed(&page_of(text)?, PHONE))?;
        let dom = run(&file, &["--dump-dom".into(), "--virtual-time-budget=5000".into()])?;
        let dom = String::from_utf8(dom)?;
        let (_, rest) = dom.rsplit_once("<title>").context("the frame was not loaded")?;
        let said: serde_json::Value =
            serde_json::from_str(rest.split("</title>").next().unwrap_or_default())?;
        ensure!(said["scroll"] == PHONE, "wider than the phone: {said:#}");
        ensure!(said["wide"].as_array().is_some_and(Vec::is_empty), "{said:#}");
        ensure!(said["first"].as_str().is_some_and(|first| first.contains("REJECT")), "{said:#}");
        ensure!(said["top"].as_f64().is_some_and(|top| top < 60.0), "{said:#}");
        ensure!(said["charts"] == 2 && said["others"] == 0, "{said:#}");
        ensure!(said["smallest"].as_f64().is_some_and(|height| height > 9.0), "{said:#}");
    }
    Ok(())
}

#[test]
fn the_page_is_drawn_by_day_and_by_night() -> Result<()> {
    let files = tempfile::tempdir()?;
    let file = files.path().join("page.html");
    fs::write(&file, page_of(DETAILED)?)?;
    for width in [1200, 600] {
        let (day, night) = (screenshot(&file, width, false)?, screenshot(&file, width, true)?);
        ensure!(day.width == width && night.width == width);
        ensure!(day.brightness() > 180.0, "by day: {}", day.brightness());
        ensure!(night.brightness() < 80.0, "by night: {}", night.brightness());
        ensure!(day.colors() > 50 && night.colors() > 50, "something is drawn");
        // Both sides' colours are seen in both.
        for (picture, colors) in [
            (&day, [[0x1f, 0x5f, 0xa8], [0xb8, 0x50, 0x0a]]),
            (&night, [[0x79, 0xb4, 0xf5], [0xff, 0xa4, 0x5c]]),
        ] {
            for color in colors {
                ensure!(picture.count(color) > 300, "{color:?} at {width}: {}", picture.count(color));
            }
        }
    }
    Ok(())
}

#[test]
fn the_page_needs_nothing_else() -> Result<()> {
    let page = page_of(TAGGED)?;
    for outside in ["<script", "<link", "<img", "@import", "url(", "src="] {
        ensure!(!page.contains(outside), "{outside}");
    }
    Ok(())
}
