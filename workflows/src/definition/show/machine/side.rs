//! The ways beside the boxes: forward over a stage on the right, back for rework on the left.

use super::MAX_LINES;
use crate::definition::show::svg::{Anchor, Canvas, Style, ink, width, wrapped};

/// Between two ways that run side by side.
const LANE: f64 = 16.0;
/// The widest label of a way at the side.
const SIDE: f64 = 150.0;
const SIDE_SIZE: f64 = 12.0;
/// One row of the picture: the beginning, a stage, the end.
pub(super) struct Row {
    pub(super) top: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    /// How many ways were tied to its left and right side so far.
    pub(super) tied: [usize; 2],
}

/// A way that runs beside the boxes.
pub(super) struct SideWay {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: String,
    pub(super) colour: &'static str,
}

/// The words of a way, and where it is tied.
struct Label<'a> {
    way: &'a SideWay,
    tied: (f64, f64),
    lines: Vec<String>,
}

/// The ways on one side: 0 left, 1 right.
pub(super) fn draw(
    canvas: &mut Canvas,
    ways: &[SideWay],
    placed: &[usize],
    count: usize,
    rows: &mut [Row],
    side: usize,
) {
    const LEADING: f64 = 15.0;
    let sign = if side == 0 { -1.0 } else { 1.0 };
    let edge = |row: &Row| if side == 0 { row.left } else { row.right };
    // Where the boxes, not the smaller beginning and end, stop.
    let border = rows.iter().map(edge).fold(
        if side == 0 { f64::MAX } else { f64::MIN },
        if side == 0 { f64::min } else { f64::max },
    );
    let outermost = border + sign * (18.0 + LANE * count.saturating_sub(1) as f64);
    let mut labels: Vec<Label<'_>> = Vec::new();
    for (way, lane) in ways.iter().zip(placed) {
        let x = border + sign * (18.0 + LANE * *lane as f64);
        let from = tie(&mut rows[way.from], side, way.from < way.to);
        let to = tie(&mut rows[way.to], side, way.from >= way.to);
        let points = [
            (edge(&rows[way.from]), from),
            (x, from),
            (x, to),
            (edge(&rows[way.to]), to),
        ];
        canvas.arrow(&points, way.colour, side == 0);
        labels.push(Label {
            way,
            tied: (x, from),
            lines: wrapped(&way.label, SIDE_SIZE, SIDE, MAX_LINES),
        });
    }
    // From top to bottom, each below the one before.
    labels.sort_by(|a, b| a.tied.1.total_cmp(&b.tied.1));
    let at = outermost + sign * 22.0;
    let mut free = f64::MIN;
    for label in labels.iter().filter(|label| !label.lines.is_empty()) {
        let height = LEADING * label.lines.len() as f64;
        let (x, y) = label.tied;
        let top = (y - height / 2.0).max(free);
        free = top + height + 5.0;
        // A thin line leads from the way to its words.
        let beside = (at - sign * 5.0, top + height / 2.0);
        canvas.line((x, y), (outermost + sign * 4.0, y), ink::HAIR, 1.0);
        canvas.line((outermost + sign * 4.0, y), beside, ink::HAIR, 1.0);
        let style = Style::new(SIDE_SIZE, label.way.colour).at(if side == 0 {
            Anchor::End
        } else {
            Anchor::Start
        });
        canvas.lines((at, top + 12.0), style, LEADING, &label.lines);
    }
}

/// Where the next way is tied to a row: a way out low, a way in high, so that they do not meet.
fn tie(row: &mut Row, side: usize, out: bool) -> f64 {
    let nth = row.tied[side] as f64;
    row.tied[side] += 1;
    let step = (row.height / 8.0).clamp(4.0, 18.0);
    let shift = (nth * step + step).min(row.height / 2.0 - 3.0);
    let middle = row.top + row.height / 2.0;
    if row.height < 40.0 {
        return middle;
    }
    if out { middle + shift } else { middle - shift }
}

/// A lane for each way, nearest the boxes first, so that no two on one lane overlap; and how many there are.
pub(super) fn lanes(ways: &[SideWay]) -> (Vec<usize>, usize) {
    let span = |way: &SideWay| (way.from.min(way.to), way.from.max(way.to));
    let mut order: Vec<usize> = (0..ways.len()).collect();
    order.sort_by_key(|index| {
        let (low, high) = span(&ways[*index]);
        (high - low, low, *index)
    });
    let mut taken: Vec<Vec<(usize, usize)>> = Vec::new();
    let mut placed = vec![0; ways.len()];
    for index in order {
        let (low, high) = span(&ways[index]);
        let free = taken
            .iter()
            .position(|lane| lane.iter().all(|(from, to)| high < *from || low > *to));
        let lane = free.unwrap_or_else(|| {
            taken.push(Vec::new());
            taken.len() - 1
        });
        taken[lane].push((low, high));
        placed[index] = lane;
    }
    (placed, taken.len())
}

pub(super) fn widest(ways: &[SideWay]) -> f64 {
    ways.iter()
        .flat_map(|way| wrapped(&way.label, SIDE_SIZE, SIDE, MAX_LINES))
        .map(|line| width(&line, SIDE_SIZE))
        .fold(0.0, f64::max)
}

pub(super) fn side_width(lanes: usize, label: f64) -> f64 {
    match lanes {
        0 => 0.0,
        lanes => 18.0 + LANE * (lanes - 1) as f64 + 24.0 + label,
    }
}
