//! `cargo xtask docs`: the parts of the README that follow from the catalog.

use anyhow::{Context, Result, bail};
use weft_modules::CATALOG;

use crate::workspace;

const BEGIN: &str = "<!-- modules: written by `cargo xtask docs` -->";
const END: &str = "<!-- end of modules -->";

/// Write or compare.
#[derive(clap::Args)]
pub struct Args {
    /// Change nothing; fail where the README is out of date
    #[arg(long)]
    check: bool,
}

/// Writes the module table into the README, or checks it.
pub fn run(args: &Args) -> Result<()> {
    if args.check {
        return check();
    }
    let path = workspace::root().join("README.md");
    let old = std::fs::read_to_string(&path).context("cannot read README.md")?;
    let new = renewed(&old)?;
    if new == old {
        println!("README.md is up to date.");
        return Ok(());
    }
    std::fs::write(&path, new).context("cannot write README.md")?;
    println!("README.md: wrote the table of {} modules.", CATALOG.len());
    Ok(())
}

/// Checks that the README tells of the catalog as it is.
///
/// # Errors
/// It does not.
pub fn check() -> Result<()> {
    let path = workspace::root().join("README.md");
    let text = std::fs::read_to_string(&path).context("cannot read README.md")?;
    if renewed(&text)? != text {
        bail!("README.md: the module table is out of date. Run `cargo xtask docs`.");
    }
    Ok(())
}

fn renewed(readme: &str) -> Result<String> {
    let begin = readme.find(BEGIN).map(|at| at + BEGIN.len());
    let end = readme.find(END);
    let (Some(begin), Some(end)) = (begin, end) else {
        bail!("README.md has lost its marks \"{BEGIN}\" and \"{END}\"");
    };
    if end < begin {
        bail!("README.md has its marks around the module table the wrong way round");
    }
    Ok(format!(
        "{}\n\n{}\n{}",
        &readme[..begin],
        table(),
        &readme[end..]
    ))
}

/// The catalog as Markdown, one table for each category.
fn table() -> String {
    let mut text = String::new();
    let mut shelf = None;
    for entry in CATALOG {
        let spec = &entry.spec;
        if shelf != Some(spec.category) {
            if shelf.is_some() {
                text += "\n";
            }
            text += &format!("**{}**\n\n", spec.category);
            text += "| type | what it is | inputs | params | outputs |\n|---|---|---|---|---|\n";
            shelf = Some(spec.category);
        }
        let row = [
            format!("`{}`", spec.id),
            format!("**{}.** {}", spec.name, spec.doc).replace('|', "\\|"),
            ids(spec.inputs.iter().map(|port| port.id)),
            ids(spec.params.iter().map(|param| param.id)),
            ids(spec.outputs.iter().map(|port| port.id)),
        ];
        text += &format!("| {} |\n", row.join(" | "));
    }
    text
}

fn ids<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    ids.map(|id| format!("`{id}`"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_replaces_what_stands_between_the_marks() {
        let readme = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = renewed(&readme).unwrap();
        assert!(new.starts_with(&format!("before\n{BEGIN}\n")));
        assert!(new.ends_with(&format!("{END}\nafter\n")));
        assert!(!new.contains("old\n<!--"));
        for entry in CATALOG {
            assert!(new.contains(&format!("| `{}` |", entry.spec.id)));
        }
        assert_eq!(renewed(&new).unwrap(), new);
        assert!(renewed("no marks").is_err());
        assert!(renewed(&format!("{END}{BEGIN}")).is_err());
    }
}
