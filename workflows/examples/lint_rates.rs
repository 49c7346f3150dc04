//! How long it takes to read and lint each programme that comes with this build: medians, on this machine.
//!
//!     cargo run --release -p anju-workflows --example lint_rates
//!
//! `read` is from the text of the file to the model (`extends` merged), `lint` what is proved of it, `show` its picture,
//! `diff` its comparison with the standard.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anju_workflows::definition::{
    BUILTIN_PROGRAMMES, Lang, Problem, diff, lint, machine_svg, parse_builtin,
};

/// How often each is done.
const RUNS: usize = 31;

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times.get(RUNS / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1_000.0)
}

fn main() -> Result<(), Vec<Problem>> {
    let standard = parse_builtin("standard")?.definition;
    println!("median of {RUNS} runs, milliseconds");
    println!(
        "{:<22} {:>8} {:>8} {:>8} {:>8}",
        "programme", "read", "lint", "show", "diff"
    );
    for name in BUILTIN_PROGRAMMES {
        let parsed = parse_builtin(name)?;
        let read = median(|| {
            let _ = black_box(parse_builtin(name));
        });
        let linted = median(|| {
            let _ = black_box(lint(&parsed));
        });
        let shown = median(|| {
            let _ = black_box(machine_svg(&parsed.definition, Lang::Zh));
        });
        let compared = median(|| {
            let _ = black_box(diff(&standard, &parsed.definition));
        });
        println!(
            "{name:<22} {:>8} {:>8} {:>8} {:>8}",
            milliseconds(read),
            milliseconds(linted),
            milliseconds(shown),
            milliseconds(compared)
        );
    }
    Ok(())
}
