//! The kernel's logic on the fake platform: forks, execs, threads, signals, timers and futexes, without a member.

mod calls;
mod execs;
mod forks;
mod futexes;
mod lab;
mod signals;
mod threads;
mod timers;
