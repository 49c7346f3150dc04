//! Comparing the index from stream and revision to position with what the records say.

use std::fmt::Write as _;

use sqlx::Row;

use crate::event::StreamId;
use crate::log::VerifyError;
use crate::log::audit::{Derived, altered};
use crate::log::sqlite::layout::Layout;
use crate::log::vouch::check_row;

use super::indexes::{INDEX_GROUP, same};
use super::{Verification, fail};

/// A row of the index: epoch, number of the stream, revision, position. Where there are no epochs, the epoch is 0.
type Place = [u64; 4];

/// The rows that the records lead to, in the order of the index, without holding them all.
struct Expected<'d> {
    layout: Layout,
    streams: &'d [(StreamId, Vec<u64>)],
    /// The epoch that comes after this one.
    next_epoch: u64,
    /// The stream whose rows of this epoch are told, as its index, and its next revision.
    now: Option<(usize, usize)>,
    /// Those whose turn in this epoch is yet to come, the next one last.
    to_come: Vec<(usize, usize)>,
    /// Those that go on after this epoch, in order.
    later: Vec<(usize, usize)>,
    /// How many streams have begun.
    begun: usize,
}

impl<'d> Expected<'d> {
    fn new(layout: Layout, streams: &'d [(StreamId, Vec<u64>)]) -> Self {
        Self {
            layout,
            streams,
            next_epoch: 0,
            now: None,
            to_come: Vec::new(),
            later: Vec::new(),
            begun: 0,
        }
    }

    /// Turns to the next epoch. `None` if there is none.
    fn turn(&mut self) -> Option<()> {
        let epoch = self.next_epoch;
        self.next_epoch += 1;
        self.to_come = std::mem::take(&mut self.later);
        // Streams are numbered in the order of their first events.
        while let Some((_, positions)) = self.streams.get(self.begun)
            && positions
                .first()
                .is_none_or(|first| self.layout.epoch(*first) <= epoch)
        {
            self.to_come.push((self.begun, 0));
            self.begun += 1;
        }
        self.to_come.reverse();
        (!self.to_come.is_empty() || self.begun < self.streams.len()).then_some(())
    }
}

impl Iterator for Expected<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        loop {
            if let Some((index, revision)) = self.now.take() {
                let positions = self.streams.get(index).map(|(_, positions)| positions);
                let position = positions.and_then(|positions| positions.get(revision));
                match position {
                    Some(position) if self.layout.epoch(*position) < self.next_epoch => {
                        self.now = Some((index, revision + 1));
                        let epoch = self.next_epoch - 1;
                        return Some([epoch, index as u64 + 1, revision as u64, *position]);
                    }
                    Some(_) => self.later.push((index, revision)),
                    None => {}
                }
            }
            self.now = self.to_come.pop();
            if self.now.is_none() {
                self.turn()?;
            }
        }
    }
}

impl Layout {
    /// Rows after $1, $2, $3 in the order of the index, $4 at most: their count, and each as a text.
    fn rows_as_text(self) -> &'static str {
        match self {
            Self::ByStream => {
                "SELECT count(*) || ';' || \
                 coalesce(group_concat('0,' || stream_no || ',' || revision || ',' || position || ';', ''), '') FROM \
                 (SELECT * FROM stream_event WHERE (stream_no, revision) > ($2, $3) \
                  ORDER BY stream_no, revision LIMIT $4)"
            }
            Self::ByEpoch { .. } => {
                "SELECT count(*) || ';' || \
                 coalesce(group_concat(epoch || ',' || stream_no || ',' || revision || ',' || position || ';', ''), '') \
                 FROM (SELECT * FROM stream_event WHERE (epoch, stream_no, revision) > ($1, $2, $3) \
                  ORDER BY epoch, stream_no, revision LIMIT $4)"
            }
        }
    }

    /// The row before all others, if it is there: the position of the least key that can be, $1 in each column.
    fn least(self) -> &'static str {
        match self {
            Self::ByStream => {
                "SELECT position FROM stream_event WHERE stream_no = $1 AND revision = $1"
            }
            Self::ByEpoch { .. } => {
                "SELECT position FROM stream_event WHERE epoch = $1 AND stream_no = $1 AND revision = $1"
            }
        }
    }

    /// The same, each a row.
    fn rows(self) -> &'static str {
        match self {
            Self::ByStream => {
                "SELECT 0, stream_no, revision, position FROM stream_event \
                 WHERE (stream_no, revision) > ($2, $3) ORDER BY stream_no, revision LIMIT $4"
            }
            Self::ByEpoch { .. } => {
                "SELECT epoch, stream_no, revision, position FROM stream_event \
                 WHERE (epoch, stream_no, revision) > ($1, $2, $3) ORDER BY epoch, stream_no, revision LIMIT $4"
            }
        }
    }
}

impl Verification<'_> {
    /// The index from stream and revision to position.
    pub(super) async fn places(&mut self, derived: &Derived) -> Result<(), VerifyError> {
        let mut expected = Expected::new(self.layout, &derived.streams);
        let mut after = [i64::MIN; 3];
        // The rows are read from after this key on.
        let least = sqlx::query(self.layout.least())
            .bind(i64::MIN)
            .fetch_optional(&mut *self.conn)
            .await
            .map_err(|error| fail(0, error))?;
        if let Some(row) = least {
            let position: i64 = row.try_get(0).map_err(|error| fail(0, error))?;
            let found = [i64::MIN, i64::MIN, i64::MIN, position];
            let names = self.layout.columns();
            let found = &found[4 - names.len()..];
            check_row(&names.join(", "), found, None, derived.tree.size())?;
        }
        let mut wanted = String::new();
        loop {
            let group: Vec<Place> = expected.by_ref().take(INDEX_GROUP).collect();
            wanted.clear();
            // Writing to a String cannot fail.
            let _ = write!(wanted, "{};", group.len());
            for [epoch, number, revision, position] in &group {
                let _ = write!(wanted, "{epoch},{number},{revision},{position};");
            }
            let mut query = sqlx::query(self.layout.rows_as_text());
            for column in after {
                query = query.bind(column);
            }
            let found = query
                .bind(INDEX_GROUP as i64)
                .fetch_one(&mut *self.conn)
                .await;
            if !same(found, &wanted) {
                let expected = group.into_iter().chain(expected);
                return self.places_one_by_one(after, expected, derived).await;
            }
            match group.last() {
                Some([epoch, number, revision, _]) => {
                    after = [int(*epoch), int(*number), int(*revision)];
                }
                None => return Ok(()),
            }
        }
    }

    async fn places_one_by_one(
        &mut self,
        mut after: [i64; 3],
        mut expected: impl Iterator<Item = Place>,
        derived: &Derived,
    ) -> Result<(), VerifyError> {
        let names = self.layout.columns();
        // An index without epochs is compared without them.
        let from = 4 - names.len();
        let names = names.join(", ");
        loop {
            let mut query = sqlx::query(self.layout.rows());
            for column in after {
                query = query.bind(column);
            }
            let rows = query
                .bind(INDEX_GROUP as i64)
                .fetch_all(&mut *self.conn)
                .await
                .map_err(|error| fail(0, error))?;
            for row in &rows {
                let mut found = [0_i64; 4];
                for (index, column) in found.iter_mut().enumerate() {
                    *column = row.try_get(index).map_err(|error| fail(0, error))?;
                }
                let [epoch, number, revision, _] = found;
                after = [epoch, number, revision];
                let wanted = expected.next();
                let wanted = wanted.as_ref().map(|wanted| &wanted[from..]);
                check_row(&names, &found[from..], wanted, derived.tree.size())?;
            }
            if rows.len() < INDEX_GROUP {
                break;
            }
        }
        match expected.next() {
            None => Ok(()),
            Some([_, number, revision, position]) => Err(altered(
                position,
                format!("revision {revision} of stream number {number} is not in the index"),
            )),
        }
    }
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
