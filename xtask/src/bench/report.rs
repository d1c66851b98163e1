//! What the bench found out.

use std::fmt::Write as _;

use super::edits::Costs;
use super::works::{Kind, Work};

/// The sizes between which a chain's slope is taken.
const SLOPE: [usize; 2] = [100, 500];

/// A work at a block size, and what was measured.
pub struct Row {
    /// The work.
    pub work: Work,
    /// Frames in a block.
    pub block: usize,
    /// The figures of all rounds.
    pub figures: Figures,
}

/// What was measured.
pub enum Figures {
    /// Nanoseconds a frame, one a round.
    Frames {
        /// Of the work.
        costs: Vec<f64>,
        /// Of what it is compared with, if it is.
        limits: Vec<f64>,
    },
    /// Commits and blocks.
    Edits(Costs),
}

/// A line of what is printed.
pub struct Line {
    work: Work,
    block: usize,
    /// Names as programs know them.
    values: Vec<(&'static str, f64)>,
}

/// The value in the middle, or between the two there; 0 of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.as_slice() {
        [] => 0.0,
        sorted if sorted.len().is_multiple_of(2) => (sorted[middle - 1] + sorted[middle]) / 2.0,
        sorted => sorted[middle],
    }
}

/// A figure beside that of the limit, and the middle of the rounds' ratios.
fn compared(name: [&'static str; 2], costs: &[f64], limits: &[f64]) -> Vec<(&'static str, f64)> {
    let mut values = vec![(name[0], median(costs))];
    if !limits.is_empty() {
        let ratios: Vec<f64> = costs.iter().zip(limits).map(|(a, b)| a / b).collect();
        values.push((name[1], median(limits)));
        values.push(("limit_ratio", median(&ratios)));
    }
    values
}

/// Every row as a line, and behind each kind of chain what one more of its modules costs.
pub fn lines(rows: &[Row]) -> Vec<Line> {
    let mut lines: Vec<Line> = rows.iter().map(line).collect();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_chain()) {
        let of_kind = || rows.iter().filter(|row| row.work.kind == kind);
        let mut blocks: Vec<usize> = of_kind().map(|row| row.block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        for block in blocks {
            let [Some(short), Some(long)] =
                SLOPE.map(|size| of_kind().find(|row| row.work.size == size && row.block == block))
            else {
                continue;
            };
            let behind = lines
                .iter()
                .rposition(|line| line.work.kind == kind)
                .map_or(lines.len(), |last| last + 1);
            lines.insert(behind, slope(short, long));
        }
    }
    lines
}

fn line(row: &Row) -> Line {
    let values = match &row.figures {
        Figures::Frames { costs, limits } => {
            compared(["ns_per_sample", "limit_ns_per_sample"], costs, limits)
        }
        Figures::Edits(costs) => vec![
            ("compile_us", median(&costs.compile)),
            ("block_us", median(&costs.block)),
            ("block_at_edit_us", median(&costs.pick_up)),
            ("block_in_fade_us", median(&costs.fade)),
        ],
    };
    Line {
        work: row.work,
        block: row.block,
        values,
    }
}

/// Nanoseconds a module and block, from each round's difference between two sizes.
fn slope(short: &Row, long: &Row) -> Line {
    let modules = long.work.size - short.work.size;
    let per_module = |of: fn(&Figures) -> &[f64]| -> Vec<f64> {
        of(&long.figures)
            .iter()
            .zip(of(&short.figures))
            .map(|(long_cost, short_cost)| {
                (long_cost - short_cost) * short.block as f64 / modules as f64
            })
            .collect()
    };
    let costs = per_module(|figures| match figures {
        Figures::Frames { costs, .. } => costs,
        Figures::Edits(_) => &[],
    });
    let limits = per_module(|figures| match figures {
        Figures::Frames { limits, .. } => limits,
        Figures::Edits(_) => &[],
    });
    let name = ["ns_per_node_block", "limit_ns_per_node_block"];
    Line {
        work: Work {
            kind: short.work.kind,
            size: 0,
        },
        block: short.block,
        values: compared(name, &costs, &limits),
    }
}

impl Line {
    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        let mut object = serde_json::json!({
            "work": self.work.kind.name(),
            "n": self.work.size,
            "block": self.block,
        });
        for (name, value) in &self.values {
            object[*name] = ((value * 1e4).round() / 1e4).into();
        }
        object
    }

    fn value(&self, name: &str) -> Option<f64> {
        let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
        Some(*value)
    }
}

/// A heading, what it is for programs, and the same of the limit.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("ns/sample", &["ns_per_sample"]),
    ("ns/module", &["ns_per_node_block"]),
    ("limit", &["limit_ns_per_sample", "limit_ns_per_node_block"]),
    ("ratio", &["limit_ratio"]),
    ("compile", &["compile_us"]),
    ("block", &["block_us"]),
    ("pick-up", &["block_at_edit_us"]),
    ("fade", &["block_in_fade_us"]),
];

/// For people; columns that nothing stands in are left out.
pub fn table(lines: &[Line]) -> String {
    let find = |line: &Line, names: &[&str]| names.iter().find_map(|name| line.value(name));
    let columns = COLUMNS
        .iter()
        .filter(|(_, names)| lines.iter().any(|line| find(line, names).is_some()));
    let columns: Vec<_> = columns.collect();
    let mut text = format!("{:12} {:>6}", "work", "frames");
    for (heading, _) in &columns {
        let _ = write!(text, " {heading:>10}");
    }
    text.push('\n');
    for line in lines {
        let _ = write!(text, "{:12} {:>6}", line.work, line.block);
        for (_, names) in &columns {
            match find(line, names) {
                Some(value) => _ = write!(text, " {value:>10.2}"),
                None => text.push_str(&" ".repeat(11)),
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    if columns.iter().any(|(heading, _)| *heading == "ns/module") {
        text.push_str("ns/module is what one more module costs in a block.\n");
    }
    if columns.iter().any(|(heading, _)| *heading == "compile") {
        text.push_str(
            "Edits in microseconds: a commit until its plan is ready, an ordinary block, the block that picks it up, the others while it comes near and fades.\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: Kind, size: usize, costs: &[f64], limits: &[f64]) -> Row {
        Row {
            work: Work { kind, size },
            block: 64,
            figures: Figures::Frames {
                costs: costs.to_vec(),
                limits: limits.to_vec(),
            },
        }
    }

    #[test]
    fn medians_stand_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn a_chain_tells_what_one_more_module_costs() {
        let rows = [
            row(Kind::Voice, 0, &[5.0, 7.0, 6.0], &[5.0, 5.0, 4.0]),
            row(Kind::Gain, 100, &[1.0, 2.0], &[0.5, 0.5]),
            row(Kind::Gain, 500, &[3.5, 4.5], &[1.75, 1.75]),
            row(Kind::Fan, 100, &[1.0], &[]),
        ];
        let lines = lines(&rows);
        let json: Vec<String> = lines.iter().map(|line| line.json().to_string()).collect();
        assert_eq!(json.len(), 5);
        let value = |at: usize| serde_json::from_str::<serde_json::Value>(&json[at]).unwrap();
        assert_eq!(value(0)["work"], "w1");
        assert_eq!(value(0)["n"], 0);
        assert_eq!(value(0)["ns_per_sample"], 6.0);
        // The rounds' ratios are 1, 1.4 and 1.5.
        assert_eq!(value(0)["limit_ratio"], 1.4);
        assert_eq!(value(2)["n"], 500);
        assert_eq!(value(3)["work"], "gain");
        assert_eq!(value(3)["n"], 0);
        assert_eq!(value(3)["ns_per_node_block"], 0.4);
        assert_eq!(value(3)["limit_ratio"], 2.0);
        assert_eq!(value(4)["work"], "fan");
        let table = table(&lines);
        assert!(
            table.contains("ns/module") && !table.contains("compile"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 7, "{table}");
    }
}
