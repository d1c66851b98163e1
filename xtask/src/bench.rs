//! `cargo xtask bench`: workloads through the player, and what they cost.

mod edits;
mod limit;
mod patches;
mod report;
mod stage;
mod works;

use std::path::PathBuf;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use self::report::{Figures, Row};
use self::works::Kind;

/// Edits that are measured in all rounds together, each with the undo that takes it back.
const EDITS: usize = 200;
/// The most seconds a round may play of a work.
const LONGEST: f64 = 600.0;

/// What to measure and how.
#[derive(clap::Args)]
pub struct Args {
    /// The works: w1, w2, w2dry, w2-2, w2-idle, w2-auto, rev, gain-N, biquad-N, fan-N, edit-N, or
    /// how several of them begin; without it, all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Frames in a block, may be given many times; without it, 64, and 512 for w1, w2 and w2dry
    #[arg(long = "block", value_name = "FRAMES",
        value_parser = clap::value_parser!(u32).range(1..=8_192))]
    blocks: Vec<u32>,
    /// Seconds of audio that each work plays in a round
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How often to measure everything in turn; the figures are medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// A program to compare with: called with a work's name, block, seconds and number, it prints
    /// lines of `ROW name work block number nanoseconds`
    #[arg(long, value_name = "PROGRAM")]
    limit: Option<PathBuf>,
    /// Print figures for programs, one object a line
    #[arg(long)]
    json: bool,
}

/// Measures.
///
/// # Errors
/// A name that means nothing, or a work that does not sound as it should.
pub fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) {
        bail!("only release builds show what things cost; run `cargo xtask bench`");
    }
    if !(args.seconds > 0.0 && args.seconds <= LONGEST) {
        let seconds = args.seconds;
        bail!("--seconds must be above 0 and at most {LONGEST}, and is {seconds}");
    }
    let mut rows = rows(args)?;
    let progress = match args.json {
        true => ProgressBar::hidden(),
        false => ProgressBar::new(u64::from(args.rounds) * rows.len() as u64),
    }
    .with_style(
        ProgressStyle::with_template("{msg:12} {wide_bar} {percent:>3} %, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let edits = EDITS.div_ceil(args.rounds as usize);
    // Everything once a round, so that whatever else the machine does meets all alike.
    for _ in 0..args.rounds {
        for row in &mut rows {
            progress.set_message(row.work.to_string());
            match &mut row.figures {
                Figures::Edits(costs) => costs.measure(row.work, row.block, edits)?,
                Figures::Frames { costs, limits } => {
                    costs.push(stage::measure(row.work, row.block, args.seconds)?);
                    if let Some(program) = &args.limit {
                        limits.extend(limit::ask(program, row.work, row.block, args.seconds)?);
                    }
                }
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    let lines = report::lines(&rows);
    if args.json {
        for line in lines {
            println!("{}", line.json());
        }
    } else {
        print!("{}", report::table(&lines));
    }
    Ok(())
}

fn rows(args: &Args) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for work in works::select(&args.names)? {
        let asked: Vec<usize> = args.blocks.iter().map(|block| *block as usize).collect();
        let blocks = match asked.as_slice() {
            [] => work.kind.blocks(),
            asked => asked,
        };
        rows.extend(blocks.iter().map(|block| Row {
            work,
            block: *block,
            figures: match work.kind {
                Kind::Edit => Figures::Edits(edits::Costs::default()),
                _ => Figures::Frames {
                    costs: Vec::new(),
                    limits: Vec::new(),
                },
            },
        }));
    }
    Ok(rows)
}
