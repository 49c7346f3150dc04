//! The pages over real sockets: a real server on a port of its own, a real store in a folder of its own.

mod forms;
mod harness;
mod pages;
mod safety;
