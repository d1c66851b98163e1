//! DSP primitives, each once. Modules are short because these are not.

pub mod beats;
pub mod bend;
pub mod crossing;
pub mod delay_line;
pub mod edge;
pub mod gain;
pub mod limiter;
pub mod math;
pub mod phasor;
pub mod random;
pub mod segment;
pub mod settled;
pub mod single;
pub mod step;
pub mod switch;
pub mod tone;
