//! Delay and reverbs.

mod delay;
mod freeverb;
mod reverb;
