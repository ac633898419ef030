//! Invitations as links, and links as QR codes.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

use qrcode::render::svg;
use qrcode::render::unicode::Dense1x2;
use qrcode::{Color, QrCode};
use serde::{Deserialize, Serialize};

use crate::door::Door;

/// Longest address; a QR code of such a link is still read across a table.
const ADDRESS_BYTES: usize = 400;
/// Light modules around a QR code, which scanners need to find it.
const QUIET_MODULES: usize = 4;
/// Pixels of a picture file a module: 41 modules make a picture of 400 pixels, which prints well.
const PIXELS_PER_MODULE: usize = 8;

/// Where devices and browsers reach a server: what links begin with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

/// What cannot be a server's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a server's address looks like https://log.example.cn, without ? or # or a name before an @")]
pub struct NoAddress;

impl FromStr for PublicUrl {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let text = text.trim().trim_end_matches('/');
        let (scheme, rest) = text.split_once("://").ok_or(NoAddress)?;
        let host = rest.split('/').next().unwrap_or_default();
        let names_one = !host.is_empty() && !host.starts_with(':') && !host.contains('@');
        let plain = rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\' | '"' | '<' | '>'));
        if matches!(scheme, "http" | "https") && names_one && plain && text.len() <= ADDRESS_BYTES {
            return Ok(Self(text.to_owned()));
        }
        Err(NoAddress)
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        text.parse()
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

impl PublicUrl {
    /// Where a door is reached, if its address leads anywhere: one that listens on every address of a machine does not say
    /// which of them others know.
    pub fn of(door: &Door) -> Option<Self> {
        let leads_somewhere = door.address().is_ok_and(|address| !address.ip().is_unspecified());
        door.url().ok().filter(|_| leads_somewhere)?.parse().ok()
    }

    /// Its host, and its port where it is not the scheme's own: how an `Origin` names it.
    pub fn authority(&self) -> &str {
        let (scheme, rest) = self.0.split_once("://").expect("it was parsed so");
        let authority = rest.split('/').next().unwrap_or_default();
        authority.strip_suffix(if scheme == "https" { ":443" } else { ":80" }).unwrap_or(authority)
    }

    /// The link with which a person enrols. The code stands behind the `#`, which no browser sends: it reaches no log.
    pub fn invitation(&self, code: &str) -> Link {
        Link(format!("{}/enrol#{code}", self.0))
    }

    /// The link with which a person signs in to the console; the code is used there.
    pub fn console(&self, code: &str) -> Link {
        Link(format!("{}/console#/code/{code}", self.0))
    }
}

/// A link with which a person enrols. Whoever has it can.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[derive(utoipa::ToSchema)]
pub struct Link(String);

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// It is as secret as the code in it.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(…)")
    }
}

impl Link {
    fn code(&self) -> QrCode {
        QrCode::new(self.0.as_bytes()).expect("a bounded address and a code fit into a QR code")
    }

    /// The QR code as SVG.
    pub fn svg(&self) -> String {
        self.code().render::<svg::Color<'_>>().min_dimensions(240, 240).build()
    }

    /// The QR code as lines of half blocks, two rows of modules to a line. Dark modules are blocks, as on paper.
    pub fn half_blocks(&self) -> String {
        self.code().render::<Dense1x2>().build()
    }

    /// The QR code as a PNG.
    ///
    /// # Errors
    /// Those of the encoder, which writes to memory.
    pub fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let code = self.code();
        let (modules, colors) = (code.width(), code.to_colors());
        let side = (modules + 2 * QUIET_MODULES) * PIXELS_PER_MODULE;
        let module = |pixel: usize| (pixel / PIXELS_PER_MODULE).checked_sub(QUIET_MODULES).filter(|at| *at < modules);
        let dark = |x: usize, y: usize| match (module(x), module(y)) {
            (Some(x), Some(y)) => colors[y * modules + x] == Color::Dark,
            _ => false,
        };
        let pixels: Vec<u8> = (0..side * side).map(|at| if dark(at % side, at / side) { 0 } else { 255 }).collect();
        let mut bytes = Vec::new();
        let side = u32::try_from(side).expect("a QR code has at most 177 modules");
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(bytes)
    }

    /// What a terminal shows: the code dark on light, whatever colours the terminal has.
    pub fn for_terminal(&self) -> String {
        let mut text = Vec::new();
        for line in self.half_blocks().lines() {
            let _ = writeln!(text, "\x1b[38;5;16m\x1b[48;5;231m{line}\x1b[0m");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        let url: PublicUrl = "https://log.desheng.example.cn/renolog/".parse().expect("an address");
        url.invitation("K7QM-2XPA-9TZC-4WFN")
    }

    /// What a scanner reads off a picture of `side` pixels.
    fn scanned(side: usize, dark: impl Fn(usize, usize) -> bool) -> String {
        let shade = |x, y| if dark(x, y) { 0 } else { 255 };
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, shade);
        let grids = picture.detect_grids();
        assert_eq!(grids.len(), 1, "one code is to be seen");
        grids[0].decode().expect("it can be read").1
    }

    #[test]
    fn a_scanner_reads_the_link_off_the_png() {
        let bytes = link().png().expect("memory");
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
        let side = reader.next_frame(&mut pixels).expect("a picture").width as usize;
        assert_eq!(scanned(side, |x, y| pixels[y * side + x] == 0), link().to_string());
    }

    #[test]
    fn a_scanner_reads_the_link_off_a_terminal() {
        let text = link().half_blocks();
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let dark = |x: usize, y: usize| match lines.get(y / 2).and_then(|line| line.get(x)) {
            Some('█') => true,
            Some('▀') => y.is_multiple_of(2),
            Some('▄') => !y.is_multiple_of(2),
            _ => false,
        };
        assert_eq!(scanned(lines[0].len() * 6, |x, y| dark(x / 6, y / 6)), link().to_string());
        assert_eq!(link().for_terminal().lines().count(), lines.len());
    }

    #[test]
    fn a_scanner_reads_the_link_off_the_svg() {
        let svg = link().svg();
        let numbers = |text: &str| -> Vec<usize> {
            text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
        };
        let side = numbers(svg.split_once("viewBox=").expect("a size").1)[2];
        let mut dark = vec![false; side * side];
        // Each dark module is a move and a square: `M32 32h8v8H32V32`.
        for square in svg.split('M').skip(1).map(numbers) {
            let (left, top, size) = (square[0], square[1], square[2]);
            (0..size * size).for_each(|at| dark[(top + at / size) * side + left + at % size] = true);
        }
        assert_eq!(scanned(side, |x, y| dark[y * side + x]), link().to_string());
        assert!(!svg.contains("K7QM"), "the code is in the picture only");
    }

    #[test]
    fn addresses_are_read_or_refused() {
        for (text, good) in [
            ("https://log.example.cn", true),
            ("http://127.0.0.1:7340/", true),
            ("https://a.cn/renolog", true),
            ("log.example.cn", false),
            ("ftp://a.cn", false),
            ("https://", false),
            ("https://:443", false),
            ("https://a@b.cn", false),
            ("https://a.cn?x", false),
            ("https://a.cn#x", false),
            ("https://a.cn/a b", false),
            ("https://日志.cn", false),
        ] {
            assert_eq!(text.parse::<PublicUrl>().is_ok(), good, "{text}");
        }
        assert!(format!("https://{}", "a".repeat(ADDRESS_BYTES)).parse::<PublicUrl>().is_err());
        assert_eq!(format!("{:?}", link()), "Link(…)");
    }
}
