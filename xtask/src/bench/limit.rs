//! What the same sound costs without a patch, from a program written for it alone.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::works::{Kind, Work};

/// The row of the program that a work is compared with, if there is one.
const fn rival(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Voice => Some("limit-dyn"),
        Kind::Poly | Kind::PolyDry => Some("limit-v16blk"),
        Kind::Reverb => Some("limit-freeverb"),
        Kind::Gain | Kind::Biquad | Kind::Fan => Some("limit-mono"),
        Kind::PolyTwo | Kind::PolyIdle | Kind::PolyAutomated | Kind::Edit => None,
    }
}

/// Nanoseconds a frame; `None` for works that are compared with nothing.
///
/// # Errors
/// If the program does not run or has no such row.
pub fn ask(program: &Path, work: Work, block: usize, seconds: f64) -> Result<Option<f64>> {
    let Some(rival) = rival(work.kind) else {
        return Ok(None);
    };
    let output = Command::new(program)
        .arg(work.kind.name())
        .args([
            block.to_string(),
            seconds.to_string(),
            work.size.to_string(),
        ])
        .output()
        .with_context(|| format!("could not run {}", program.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    match find(&printed, rival) {
        Some(cost) if output.status.success() => Ok(Some(cost)),
        _ => bail!(
            "{} has no row {rival} for {work}: {printed}{}",
            program.display(),
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

fn find(printed: &str, rival: &str) -> Option<f64> {
    printed.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["ROW", name, _, _, _, cost, ..] if *name == rival => cost.parse().ok(),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_their_name() {
        let printed = "hello\nROW limit-v16 w2 64 0 43.0862 chk=1\nROW limit-v16blk w2 64 0 41.1257 chk=-5.31957\n";
        assert_eq!(find(printed, "limit-v16blk"), Some(41.1257));
        assert_eq!(find(printed, "limit-v16"), Some(43.0862));
        assert_eq!(find(printed, "limit-dyn"), None);
        assert_eq!(find("ROW limit-dyn w1 64 0", "limit-dyn"), None);
    }
}
