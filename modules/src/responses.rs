//! What modules do to known signals, against closed forms and published responses.

mod io;
mod envelope;
mod modulation;
mod utility;
mod effect;
mod filter;
mod oscillator;
