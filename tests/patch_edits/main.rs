//! Edits of a patch: what each does, what is refused, and that everything can be undone.

mod any_edits;
mod circles;
mod dice;
mod history;
mod limits;
mod modules;
mod reach;
mod refusals;
mod replacing;
mod rig;
mod slots;
mod valid;
mod whole;
