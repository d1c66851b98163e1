//! What the bench plays, by name.

use std::fmt;

use anyhow::{Result, bail};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One voice.
    Voice,
    /// Sixteen voices into a delay and a reverb.
    Poly,
    /// The sixteen voices alone.
    PolyDry,
    /// The same patch with two voices sounding, the others never played.
    PolyTwo,
    /// The same patch after its notes, when its tails are over.
    PolyIdle,
    /// The same patch while sixteen params are automated.
    PolyAutomated,
    /// The reverb alone.
    Reverb,
    /// So many gains in a row.
    Gain,
    /// So many filters in a row.
    Biquad,
    /// So many sines into one input.
    Fan,
    /// A commit while so many filters play.
    Edit,
}

impl Kind {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Kind; 11] = [
        Kind::Voice,
        Kind::Poly,
        Kind::PolyDry,
        Kind::PolyTwo,
        Kind::PolyIdle,
        Kind::PolyAutomated,
        Kind::Reverb,
        Kind::Gain,
        Kind::Biquad,
        Kind::Fan,
        Kind::Edit,
    ];

    /// What people call it; where it has sizes, without them.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Voice => "w1",
            Kind::Poly => "w2",
            Kind::PolyDry => "w2dry",
            Kind::PolyTwo => "w2-2",
            Kind::PolyIdle => "w2-idle",
            Kind::PolyAutomated => "w2-auto",
            Kind::Reverb => "rev",
            Kind::Gain => "gain",
            Kind::Biquad => "biquad",
            Kind::Fan => "fan",
            Kind::Edit => "edit",
        }
    }

    /// The sizes that are measured where nobody asks for others; none where there is only one.
    const fn sizes(self) -> &'static [usize] {
        match self {
            Kind::Gain | Kind::Biquad | Kind::Fan => &[10, 100, 500, 1_000],
            Kind::Edit => &[10, 100, 500],
            _ => &[],
        }
    }

    /// The block sizes that are measured where nobody asks for others.
    pub const fn blocks(self) -> &'static [usize] {
        match self {
            Kind::Voice | Kind::Poly | Kind::PolyDry => &[64, 512],
            _ => &[64],
        }
    }

    /// Whether what counts is how much one more of its modules costs.
    pub const fn is_chain(self) -> bool {
        matches!(self, Kind::Gain | Kind::Biquad | Kind::Fan)
    }
}

/// A work: a kind at a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The kind.
    pub kind: Kind,
    /// How many; 0 where it has no size.
    pub size: usize,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size {
            0 => f.pad(self.kind.name()),
            size => f.pad(&format!("{}-{size}", self.kind.name())),
        }
    }
}

/// The most modules in a row.
const LARGEST: usize = 10_000;

/// Everything that is measured where nobody asks for less.
pub fn all() -> Vec<Work> {
    Kind::ALL
        .into_iter()
        .flat_map(|kind| {
            let sizes = match kind.sizes() {
                [] => &[0],
                sizes => sizes,
            };
            sizes.iter().map(move |size| Work { kind, size: *size })
        })
        .collect()
}

/// What is meant by names: each is that of a work, that of a kind with a size of one's own, or the
/// beginning of several. None means all.
///
/// # Errors
/// If a name means nothing.
pub fn select(names: &[String]) -> Result<Vec<Work>> {
    if names.is_empty() {
        return Ok(all());
    }
    let mut selected = Vec::new();
    for name in names {
        for work in meant(name)? {
            if !selected.contains(&work) {
                selected.push(work);
            }
        }
    }
    Ok(selected)
}

fn meant(name: &str) -> Result<Vec<Work>> {
    if let Some(work) = all().into_iter().find(|work| work.to_string() == name) {
        return Ok(vec![work]);
    }
    let sized = Kind::ALL.into_iter().find_map(|kind| {
        let size = name.strip_prefix(kind.name())?.strip_prefix('-')?;
        let size = size.parse().ok()?;
        (!kind.sizes().is_empty() && (1..=LARGEST).contains(&size)).then_some(Work { kind, size })
    });
    if let Some(work) = sized {
        return Ok(vec![work]);
    }
    let begun: Vec<Work> = all()
        .into_iter()
        .filter(|work| !name.is_empty() && work.to_string().starts_with(name))
        .collect();
    if begun.is_empty() {
        let all: Vec<String> = all().iter().map(Work::to_string).collect();
        bail!(
            "there is no work \"{name}\"; there are {}, and those with a number at any number up to {LARGEST}",
            all.join(", ")
        );
    }
    Ok(begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let works = select(&names).expect("there are such works");
        works.iter().map(Work::to_string).collect()
    }

    #[test]
    fn names_mean_works() {
        assert_eq!(named(&[]).len(), 7 + 3 * 4 + 3);
        assert_eq!(named(&["w2"]), ["w2"]);
        assert_eq!(named(&["w2-"]), ["w2-2", "w2-idle", "w2-auto"]);
        assert_eq!(
            named(&["gain"]),
            ["gain-10", "gain-100", "gain-500", "gain-1000"]
        );
        assert_eq!(
            named(&["biquad-37", "w1", "biquad-37"]),
            ["biquad-37", "w1"]
        );
        assert_eq!(named(&["edit-1"]), ["edit-1"]);
        for work in all() {
            assert_eq!(named(&[&work.to_string()]), [work.to_string()]);
        }
    }

    #[test]
    fn a_wrong_name_is_refused_with_those_there_are() {
        for wrong in ["w3", "", "gain-0", "gain-10001", "w1-5", "W1", "gain--5"] {
            let error = select(&[wrong.to_owned()]).expect_err(wrong).to_string();
            assert!(error.contains(&format!("\"{wrong}\"")), "{error}");
            for work in all() {
                assert!(error.contains(&work.to_string()), "{error}");
            }
        }
    }
}
