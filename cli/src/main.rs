//! restante
#![allow(dead_code, unused_imports)]

mod config;
mod profile;
mod suggest;

fn main() {}
