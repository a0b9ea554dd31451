//! The kernel's logic on the fake platform: threads, signals, timers and futexes, without a member.

mod futexes;
mod lab;
mod signals;
mod threads;
mod timers;
