//! What modules do to known signals, against closed forms and published responses.

mod io;
