//! Records laid into drawers: one drawer for so many consecutive projects, in a file without a name.
//!
//! The log has the records of all projects mixed; a project is folded from all of its own. Each drawer collects in
//! memory and goes to the file piece by piece, so that writing and reading are of whole pieces and not of records.
//! The file disappears with the process, however it ends.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;

use anju_workflows::project::event::ProjectId;

/// What stands before a record in a piece: the project's place in the drawer, the position, the record's length.
const HEAD: usize = 4 + 8 + 4;

/// How many projects a drawer holds, and how many bytes are held in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) projects: usize,
    /// A drawer collects so much before it goes to the file.
    pub(crate) piece: usize,
    /// About so many bytes of records are folded at once, and never less than one project's.
    pub(crate) slice: usize,
}

impl Default for Room {
    /// Of projects of 25 KB of records, a drawer of 2,048 is a slice of some 50 MB. A piece is what makes a disk that
    /// turns read more than it seeks; 220,000 projects collect 14 MB of them.
    fn default() -> Self {
        Self {
            projects: 2_048,
            piece: 128 << 10,
            slice: 96 << 20,
        }
    }
}

#[derive(Default)]
struct Drawer {
    /// Each project with the bytes that it takes.
    projects: Vec<(ProjectId, usize)>,
    collected: Vec<u8>,
    pieces: Vec<(u64, usize)>,
}

/// All drawers.
pub(crate) struct Drawers {
    room: Room,
    file: File,
    end: u64,
    drawers: Vec<Drawer>,
}

/// Some projects of a drawer with all their records.
pub(crate) struct Slice {
    bytes: Vec<u8>,
    /// Each project with its records in order.
    pub(crate) projects: Vec<(ProjectId, Vec<Place>)>,
}

/// A record of a slice: its position, and its place in the slice's bytes.
type Place = (u64, Range<usize>);

impl Slice {
    /// The text of a record; `None` if the file gave back something else than was written.
    pub(crate) fn record(&self, place: &Range<usize>) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(place.clone())?).ok()
    }
}

impl Drawers {
    /// Empty ones, whose file is in `folder`.
    pub(crate) fn new(folder: &Path, room: Room) -> io::Result<Self> {
        Ok(Self {
            room: Room {
                projects: room.projects.max(1),
                ..room
            },
            file: tempfile::tempfile_in(folder)?,
            end: 0,
            drawers: Vec::new(),
        })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.drawers.len()
    }

    /// Makes room for the next project; returns its number among all, from 0.
    pub(crate) fn open(&mut self, project: ProjectId) -> u32 {
        let full = self
            .drawers
            .last()
            .is_none_or(|last| last.projects.len() >= self.room.projects);
        if full {
            self.drawers.push(Drawer::default());
        }
        let before = (self.drawers.len() - 1) * self.room.projects;
        let Some(last) = self.drawers.last_mut() else {
            return 0;
        };
        last.projects.push((project, 0));
        // No log holds four thousand million projects.
        u32::try_from(before + last.projects.len() - 1).unwrap_or(u32::MAX)
    }

    /// Lays a record of a project into its drawer.
    pub(crate) fn put(&mut self, number: u32, position: u64, record: &str) -> io::Result<()> {
        let number = number as usize;
        let (at, place) = (number / self.room.projects, number % self.room.projects);
        let Some(drawer) = self.drawers.get_mut(at) else {
            return Ok(());
        };
        if let Some((_, bytes)) = drawer.projects.get_mut(place) {
            *bytes += HEAD + record.len();
        }
        // A record has at most 64 KiB, a drawer's projects are counted in thousands.
        let (place, length) = (place as u32, record.len() as u32);
        drawer.collected.extend_from_slice(&place.to_le_bytes());
        drawer.collected.extend_from_slice(&position.to_le_bytes());
        drawer.collected.extend_from_slice(&length.to_le_bytes());
        drawer.collected.extend_from_slice(record.as_bytes());
        if drawer.collected.len() >= self.room.piece {
            self.file.write_all(&drawer.collected)?;
            drawer.pieces.push((self.end, drawer.collected.len()));
            self.end += drawer.collected.len() as u64;
            drawer.collected.clear();
        }
        Ok(())
    }

    /// The places of the projects of a drawer, cut so that no part is larger than a slice unless it is one project.
    pub(crate) fn parts(&self, drawer: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let (mut from, mut bytes) = (0, 0usize);
        let projects = self.drawers.get(drawer).map_or(&[][..], |d| &d.projects);
        for (place, (_, more)) in projects.iter().enumerate() {
            if place > from && bytes.saturating_add(*more) > self.room.slice {
                parts.push(from..place);
                (from, bytes) = (place, 0);
            }
            bytes += more;
        }
        if from < projects.len() {
            parts.push(from..projects.len());
        }
        parts
    }

    /// Takes some projects of a drawer out, each with its records in order.
    pub(crate) fn slice(&mut self, drawer: usize, part: Range<usize>) -> io::Result<Slice> {
        let Some(drawer) = self.drawers.get(drawer) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let wanted = drawer.projects.get(part.clone()).unwrap_or_default();
        let all = part.len() == drawer.projects.len();
        let mut slice = Slice {
            bytes: Vec::with_capacity(wanted.iter().map(|(_, bytes)| bytes).sum()),
            projects: wanted
                .iter()
                .map(|(project, _)| (project.clone(), Vec::new()))
                .collect(),
        };
        let mut piece = Vec::new();
        for (from, length) in &drawer.pieces {
            self.file.seek(SeekFrom::Start(*from))?;
            piece.resize(*length, 0);
            self.file.read_exact(&mut piece)?;
            slice.add(&piece, &part, all)?;
        }
        slice.add(&drawer.collected, &part, all)?;
        Ok(slice)
    }

    /// A drawer that is done with.
    pub(crate) fn discard(&mut self, drawer: usize) {
        if let Some(drawer) = self.drawers.get_mut(drawer) {
            *drawer = Drawer::default();
        }
    }
}

impl Slice {
    /// Adds the records of a piece that belong to the part.
    fn add(&mut self, piece: &[u8], part: &Range<usize>, all: bool) -> io::Result<()> {
        let start = self.bytes.len();
        if all {
            self.bytes.extend_from_slice(piece);
        }
        let mut at = 0;
        while at < piece.len() {
            let head = Head::read(piece.get(at..).unwrap_or_default()).ok_or_else(cut)?;
            let text = at + HEAD..at + HEAD + head.length;
            at = text.end;
            let bytes = piece.get(text.clone()).ok_or_else(cut)?;
            let records = head
                .place
                .checked_sub(part.start)
                .and_then(|place| self.projects.get_mut(place));
            let Some((_, records)) = records else {
                continue;
            };
            let place = if all {
                start + text.start..start + text.end
            } else {
                let from = self.bytes.len();
                self.bytes.extend_from_slice(bytes);
                from..from + bytes.len()
            };
            records.push((head.position, place));
        }
        Ok(())
    }
}

struct Head {
    place: usize,
    position: u64,
    length: usize,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (place, rest) = bytes.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (length, _) = rest.split_first_chunk()?;
        Some(Self {
            place: u32::from_le_bytes(*place) as usize,
            position: u64::from_le_bytes(*position),
            length: u32::from_le_bytes(*length) as usize,
        })
    }
}

/// The file gave back something else than was written.
fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a piece of records is cut")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything taken out again, by project.
    fn taken_out(drawers: &mut Drawers) -> Vec<(String, Vec<(u64, String)>)> {
        let mut all = Vec::new();
        for drawer in 0..drawers.count() {
            for part in drawers.parts(drawer) {
                let slice = drawers.slice(drawer, part).unwrap();
                for (project, records) in &slice.projects {
                    let texts = records
                        .iter()
                        .map(|(at, place)| (*at, slice.record(place).unwrap().to_owned()))
                        .collect();
                    all.push((project.as_str().to_owned(), texts));
                }
            }
        }
        all
    }

    #[test]
    fn each_project_comes_out_with_its_records_in_order_however_little_room_there_is() {
        let folder = tempfile::tempdir().unwrap();
        for (projects, piece, slice) in [
            (1, 1, 1),
            (3, 40, 100),
            (4, 1 << 20, 1),
            (100, 64, 300),
            (100, 1 << 20, 1 << 20),
        ] {
            let room = Room {
                projects,
                piece,
                slice,
            };
            let mut drawers = Drawers::new(folder.path(), room).unwrap();
            let mut expected: Vec<(String, Vec<(u64, String)>)> = Vec::new();
            for turn in 0..200u64 {
                if turn % 10 == 0 {
                    let name = format!("P{turn}");
                    let number = drawers.open(ProjectId::new(name.clone()).unwrap());
                    assert_eq!(number as usize, expected.len());
                    expected.push((name, Vec::new()));
                }
                // 7 has no divisor in common with how many there are: nobody stands beside itself.
                let number = (turn * 7) as usize % expected.len();
                let text = format!("居{turn}").repeat(turn as usize % 5);
                drawers.put(number as u32, turn, &text).unwrap();
                expected[number].1.push((turn, text));
            }
            assert_eq!(taken_out(&mut drawers), expected, "{room:?}");
        }
        // Nothing of the file is to be seen.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn no_part_of_a_drawer_is_larger_than_a_slice_unless_it_is_one_project() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room {
            projects: 10,
            piece: 64,
            slice: 3 * (HEAD + 100),
        };
        let mut drawers = Drawers::new(folder.path(), room).unwrap();
        for n in 0..10u32 {
            drawers.open(ProjectId::new(format!("P{n}")).unwrap());
            let records = if n == 4 { 7 } else { 1 };
            for at in 0..records {
                drawers.put(n, at, &"x".repeat(100)).unwrap();
            }
        }
        assert_eq!(drawers.parts(0), [0..3, 3..4, 4..5, 5..8, 8..10]);
    }
}
