//! DSP primitives, each once. Modules are short because these are not.

pub mod beats;
pub mod limiter;
pub mod math;
