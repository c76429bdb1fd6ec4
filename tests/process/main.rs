//! The program as its operator meets it: started, told to stop, and refusing to start. How it is
//! broken on purpose is in `tests/faults/`, which shares what runs and asks the program here.

mod analyse;
mod conformance;
mod definitions;
mod ends;
#[expect(dead_code, reason = "the fault tests use the rest")]
mod load;
mod logs;
#[expect(dead_code, reason = "the fault tests use the rest")]
mod program;
mod progress;
mod recover;
mod simulate;
mod starts;
mod transfer;
mod typed;
mod unheard;
mod upgrade;
