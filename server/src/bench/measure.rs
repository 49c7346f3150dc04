//! Samples, medians and what they are compared with.

use std::collections::BTreeMap;
use std::time::Duration;

use anju_engine::clock::{Clock, SystemClock};
use serde::Serialize;

/// The time since some fixed moment.
pub(super) fn now() -> Duration {
    SystemClock.monotonic().unwrap_or_default()
}

/// What one measurement of one run has found.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// How many things were done, or the quantity itself where nothing is timed.
    pub(super) count: f64,
    /// In how many seconds; 1 where nothing is timed.
    pub(super) seconds: f64,
    /// How long each caller waited, where callers wait.
    pub(super) waits: Option<Waits>,
}

impl Sample {
    /// So many things since `start`.
    pub(super) fn since(start: Duration, count: usize) -> Self {
        Self {
            count: count as f64,
            // Nothing is done in no time; a coarse clock may say so.
            seconds: (now() - start).as_secs_f64().max(1e-9),
            waits: None,
        }
    }

    /// A quantity that was not timed.
    pub(super) fn of(quantity: f64) -> Self {
        Self {
            count: quantity,
            seconds: 1.0,
            waits: None,
        }
    }

    /// The same with what the callers waited.
    pub(super) fn with_waits(mut self, waits: Vec<Duration>) -> Self {
        self.waits = Waits::of(waits);
        self
    }

    /// How many in a second.
    pub(super) fn rate(&self) -> f64 {
        self.count / self.seconds
    }
}

/// Percentiles of waiting times in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Waits {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Waits {
    /// Of no waits there are none.
    fn of(mut waits: Vec<Duration>) -> Option<Self> {
        waits.sort_unstable();
        // Nearest rank: the smallest wait that this share of all waits does not exceed.
        let at = |percent: usize| {
            let rank = (waits.len() * percent).div_ceil(100).max(1);
            waits.get(rank - 1).map(|wait| wait.as_secs_f64() * 1_000.0)
        };
        Some(Self {
            p50_ms: at(50)?,
            p99_ms: at(99)?,
        })
    }
}

/// The middle of some numbers; the mean of the two middle ones if their count is even. `None` of none.
pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let upper = *numbers.get(numbers.len() / 2)?;
    if numbers.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *numbers.get(numbers.len() / 2 - 1)?;
    Some((lower + upper) / 2.0)
}

/// The samples of all runs, by measurement.
#[derive(Debug, Default)]
pub(super) struct Board {
    samples: BTreeMap<&'static str, Vec<Sample>>,
}

impl Board {
    /// Adds the sample of one more run.
    pub(super) fn add(&mut self, row: &'static str, sample: Sample) {
        self.samples.entry(row).or_default().push(sample);
    }

    /// The rate of each run; empty if it was not measured.
    pub(super) fn rates(&self, row: &str) -> Vec<f64> {
        let samples = self.samples.get(row).map_or(&[][..], Vec::as_slice);
        samples.iter().map(Sample::rate).collect()
    }

    /// How many things the last run did.
    pub(super) fn count(&self, row: &str) -> Option<f64> {
        Some(self.samples.get(row)?.last()?.count)
    }

    /// The medians of the percentiles.
    pub(super) fn waits(&self, row: &str) -> Option<Waits> {
        let waits = self.samples.get(row)?.iter().filter_map(|s| s.waits);
        Some(Waits {
            p50_ms: median(waits.clone().map(|w| w.p50_ms).collect())?,
            p99_ms: median(waits.map(|w| w.p99_ms).collect())?,
        })
    }

    /// The median over the runs of how many times faster `row` was than `control` in the same run.
    pub(super) fn ratio(&self, row: &str, control: &str) -> Option<f64> {
        let (rates, controls) = (self.rates(row), self.rates(control));
        median(rates.iter().zip(controls).map(|(r, c)| r / c).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_percentile_is_the_wait_that_so_many_callers_did_not_exceed() {
        let waits = (1..=200).map(Duration::from_millis).collect();
        let waits = Waits::of(waits).unwrap();
        assert_eq!((waits.p50_ms, waits.p99_ms), (100.0, 198.0));
        assert!(Waits::of(Vec::new()).is_none());
    }

    #[test]
    fn a_ratio_compares_runs_with_the_control_of_the_same_run() {
        let mut board = Board::default();
        for (ours, control) in [(10.0, 10.0), (40.0, 10.0), (90.0, 30.0)] {
            board.add("ours", Sample::of(ours));
            board.add("control", Sample::of(control));
        }
        // Of the medians it would be 4: the machine was three times faster in one of the runs.
        assert_eq!(board.ratio("ours", "control"), Some(3.0));
    }
}
