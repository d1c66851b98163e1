//! Delay and reverb.

mod delay;
mod reverb;
