#![doc = include_str!("../ARCHITECTURE.md")]

pub mod engine;
pub mod patch;
pub mod plugin;
