//! The hosted platform's backend: members are processes of the host.

pub mod control;
pub mod host;
pub mod process;
pub mod socket;

pub use control::Prepared;
pub use host::Host;
pub use process::{HostProcess, Usage};
