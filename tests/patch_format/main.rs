//! The patch as people write it and as it is saved: what is read, what is told, what comes back.

mod any_text;
mod building;
mod errors;
mod people;
mod rig;
mod slots;
mod texts;
mod told;
mod values;
