//! A drawing: shapes and texts as SVG, laid out without asking a font.
//!
//! Widths of texts are estimated, so that the same definition gives the same bytes on every machine; the estimate is
//! wide enough for the usual sans-serif fonts. Everything is said in attributes: a page whose policy forbids inline
//! styles may embed a drawing.

use unicode_width::UnicodeWidthChar;

/// The colours of the pages.
pub(super) mod ink {
    pub(in super::super) const TEXT: &str = "#1b2733";
    pub(in super::super) const SOFT: &str = "#56636f";
    pub(in super::super) const LINE: &str = "#c3ccd5";
    pub(in super::super) const HAIR: &str = "#e3e8ed";
    pub(in super::super) const PAPER: &str = "#ffffff";
    pub(in super::super) const GROUND: &str = "#f4f6f8";
    pub(in super::super) const BRAND: &str = "#17406d";
    pub(in super::super) const BACK: &str = "#9a3412";
    pub(in super::super) const DUE: &str = "#7a5200";
    pub(in super::super) const DUE_GROUND: &str = "#fdf1d3";
    /// Ways that pass a stage over.
    pub(in super::super) const WAYS: [&str; 5] =
        ["#0f766e", "#6d28d9", "#1d4ed8", "#a16207", "#be185d"];
}

const FONTS: &str = "Helvetica Neue, Arial, PingFang SC, Hiragino Sans GB, Microsoft YaHei, Noto Sans CJK SC, Noto \
                     Sans SC, Source Han Sans SC, sans-serif";

/// Where a text stands to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) size: f64,
    pub(super) fill: &'static str,
    pub(super) bold: bool,
    pub(super) anchor: Anchor,
}

impl Style {
    pub(super) const fn new(size: f64, fill: &'static str) -> Self {
        Self {
            size,
            fill,
            bold: false,
            anchor: Anchor::Start,
        }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) const fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// A drawing under way.
pub(super) struct Canvas {
    body: String,
}

impl Canvas {
    pub(super) fn new() -> Self {
        Self {
            body: String::new(),
        }
    }

    pub(super) fn rect(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        radius: f64,
        fill: &str,
        stroke: Option<&str>,
    ) {
        let stroke = stroke.map_or_else(String::new, |stroke| {
            format!(" stroke=\"{stroke}\" stroke-width=\"1\"")
        });
        self.body.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\" fill=\"{fill}\"{stroke}/>\n",
            n(x),
            n(y),
            n(width),
            n(height),
            n(radius)
        ));
    }

    pub(super) fn circle(&mut self, (x, y): (f64, f64), radius: f64, fill: &str) {
        self.body.push_str(&format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{fill}\"/>\n",
            n(x),
            n(y),
            n(radius)
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64) {
        self.body.push_str(&format!(
            "<path d=\"M{} {}L{} {}\" stroke=\"{stroke}\" stroke-width=\"{}\" fill=\"none\"/>\n",
            n(from.0),
            n(from.1),
            n(to.0),
            n(to.1),
            n(width)
        ));
    }

    /// A way along points, with round corners and an arrow at its end.
    pub(super) fn arrow(&mut self, points: &[(f64, f64)], stroke: &str, dashed: bool) {
        const HEAD: f64 = 8.0;
        const BEND: f64 = 8.0;
        let [.., before, tip] = points else { return };
        let (dx, dy) = toward(*before, *tip);
        // The line ends inside the head, so that its square end does not show.
        let stop = (tip.0 - dx * HEAD * 0.8, tip.1 - dy * HEAD * 0.8);
        let mut path = String::new();
        for (index, point) in points.iter().enumerate() {
            let last = index + 1 == points.len();
            let at = if last { stop } else { *point };
            if index == 0 {
                path.push_str(&format!("M{} {}", n(at.0), n(at.1)));
                continue;
            }
            if last {
                path.push_str(&format!("L{} {}", n(at.0), n(at.1)));
                continue;
            }
            let (from, to) = (points[index - 1], points[index + 1]);
            let (ax, ay) = toward(from, at);
            let (bx, by) = toward(at, to);
            path.push_str(&format!(
                "L{} {}Q{} {} {} {}",
                n(at.0 - ax * BEND),
                n(at.1 - ay * BEND),
                n(at.0),
                n(at.1),
                n(at.0 + bx * BEND),
                n(at.1 + by * BEND)
            ));
        }
        let dashes = if dashed {
            " stroke-dasharray=\"5 4\""
        } else {
            ""
        };
        self.body.push_str(&format!(
            "<path d=\"{path}\" stroke=\"{stroke}\" stroke-width=\"1.6\"{dashes} fill=\"none\"/>\n"
        ));
        let wing = HEAD * 0.55;
        self.body.push_str(&format!(
            "<path d=\"M{} {}L{} {}L{} {}Z\" fill=\"{stroke}\"/>\n",
            n(tip.0),
            n(tip.1),
            n(tip.0 - dx * HEAD - dy * wing),
            n(tip.1 - dy * HEAD + dx * wing),
            n(tip.0 - dx * HEAD + dy * wing),
            n(tip.1 - dy * HEAD - dx * wing)
        ));
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        let weight = if style.bold {
            " font-weight=\"600\""
        } else {
            ""
        };
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.body.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{weight}{anchor}>{}</text>\n",
            n(x),
            n(y),
            n(style.size),
            style.fill,
            escaped(text)
        ));
    }

    /// Several lines from a first baseline down; the baseline after the last one.
    pub(super) fn lines(
        &mut self,
        (x, mut y): (f64, f64),
        style: Style,
        leading: f64,
        lines: &[String],
    ) -> f64 {
        for line in lines {
            self.text((x, y), style, line);
            y += leading;
        }
        y
    }

    /// The whole drawing. `name` is what its parts are called by in a page: two drawings of one page have two.
    pub(super) fn finish(
        self,
        name: &str,
        (width, height): (f64, f64),
        title: &str,
        description: &str,
    ) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"{name}-title {name}-desc\" font-family=\"{FONTS}\">\n<title id=\"{name}-title\">{}</title>\n\
             <desc id=\"{name}-desc\">{}</desc>\n<rect width=\"{w}\" height=\"{h}\" fill=\"{}\"/>\n{}</svg>\n",
            escaped(title),
            escaped(description),
            ink::PAPER,
            self.body,
            w = n(width.ceil()),
            h = n(height.ceil()),
        )
    }
}

/// The direction from one point to another, along the axes or any way.
fn toward(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length == 0.0 {
        (0.0, 1.0)
    } else {
        (dx / length, dy / length)
    }
}

/// A number with at most one decimal.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// About how wide a letter is, in ems.
fn em(letter: char) -> f64 {
    match letter.width() {
        Some(2..) => 1.0,
        None | Some(0) => 0.0,
        Some(1) => match letter {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' => 0.3,
            'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 0.36,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.88,
            letter if letter.is_uppercase() => 0.7,
            // Quotes, dashes and arrows of Chinese texts are as wide as a Chinese letter in their fonts.
            letter if !letter.is_ascii() => 1.0,
            _ => 0.56,
        },
    }
}

/// About how wide a text is.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// A text in lines of at most `limit`, at most `most` of them; what is left over is an ellipsis. Latin words stay whole
/// where they fit a line.
pub(super) fn wrapped(text: &str, size: f64, limit: f64, most: usize) -> Vec<String> {
    /// Nothing is shown of a text beyond this: it would not fit anyway.
    const LONGEST: usize = 600;
    let flat: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(LONGEST)
        .collect();
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in pieces(&flat) {
        if width(&line, size) + width(piece.trim_end(), size) <= limit {
            line.push_str(piece);
            continue;
        }
        if !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        line.clear();
        // A word that no line holds is cut.
        for letter in piece.trim_start().chars() {
            if width(&line, size) + em(letter) * size > limit && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(letter);
        }
    }
    if !line.trim().is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            while width(last, size) + size > limit && !last.is_empty() {
                last.pop();
            }
            last.push('…');
        }
    }
    lines
}

/// Where a line may end: after a Chinese letter, after a space, and never before a mark that closes.
fn pieces(text: &str) -> Vec<&str> {
    let closes = |letter: char| "，。、；：！？）》”’」』】％%),.;:!?".contains(letter);
    let opens = |letter: char| "（《“‘「『【(".contains(letter);
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let end = at + letter.len_utf8();
        let Some((_, next)) = letters.peek() else {
            break;
        };
        let wide = |letter: char| letter.width() == Some(2) || closes(letter) && !letter.is_ascii();
        let may = letter == ' ' || wide(letter) || wide(*next) && *next != ' ';
        if may && !closes(*next) && !opens(letter) && *next != ' ' {
            pieces.push(&text[start..end]);
            start = end;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// A text that no reader of XML takes for anything else; what XML cannot hold is left out.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            // Marks that turn the direction of what follows have no place in a label.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_into_lines_where_chinese_and_english_may_be_cut() {
        assert_eq!(
            wrapped("征求本小区居民意见，达到后启动", 10.0, 62.0, 9),
            ["征求本小区居", "民意见，达到", "后启动"]
        );
        assert_eq!(
            wrapped("Construction permit before the start", 10.0, 110.0, 9),
            ["Construction permit", "before the start"]
        );
        assert_eq!(
            wrapped("一二三四五六七八九十", 10.0, 40.0, 2),
            ["一二三四", "五六七…"]
        );
        assert_eq!(wrapped("  \n ", 10.0, 40.0, 2), Vec::<String>::new());
    }

    #[test]
    fn nothing_of_a_text_is_taken_for_markup() {
        assert_eq!(
            escaped("a<b>&\"'\u{0}\u{202e}c"),
            "a&lt;b&gt;&amp;&quot;&#39; c"
        );
    }

    proptest::proptest! {
        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "[\\PC]{0,80}", limit in 30_u16..300) {
            let lines = wrapped(&text, 12.0, f64::from(limit), usize::MAX);
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            proptest::prop_assert_eq!(squeeze(&lines.concat()), squeeze(&text));
        }
    }
}
