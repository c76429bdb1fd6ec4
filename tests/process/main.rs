//! The program as its operator meets it: started, told to stop, killed, and started again, with a
//! record outside of it of what it acknowledged.

mod disk;
mod ends;
mod kills;
mod load;
mod program;
mod simulate;
mod starts;
