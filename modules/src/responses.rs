//! What modules do to known signals, against closed forms and published responses.

mod effect;
mod envelope;
mod filter;
mod io;
mod modulation;
mod oscillator;
mod utility;
