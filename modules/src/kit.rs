//! DSP primitives, each once. Modules are short because these are not.

pub mod alike;
pub mod beats;
pub mod bend;
pub mod corner;
pub mod crossing;
pub mod delay_line;
pub mod edge;
pub mod eight;
pub mod gain;
pub mod halfband;
pub mod hush;
pub mod limiter;
pub mod matched;
pub mod math;
pub mod phasor;
pub mod quad;
pub mod random;
pub mod saturation;
pub mod segment;
pub mod settled;
pub mod single;
pub mod step;
pub mod switch;
pub mod tone;
