//! The program as its operator meets it: started, told to stop, and refusing to start. How it is
//! broken on purpose is in `tests/faults/`, which shares what runs and asks the program here.

mod analyse;
mod conformance;
mod definitions;
mod ends;
mod logs;
mod progress;
mod recover;
mod simulate;
mod starts;
mod transfer;
mod typed;
mod unheard;
mod upgrade;
