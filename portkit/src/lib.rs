//! Ports: unmodified Debian programs described by data, and the roots assembled from their packages.
//!
//! A port is a folder `ports/NAME/` with a [`port.toml`](Port), the configuration files it names and a smoke
//! test. The `offshoot` command and `cargo xtask` share this crate:
//!
//! ```no_run
//! use offshoot_portkit::{Cache, Port, Progress, build_root, open_root};
//!
//! # fn main() -> anyhow::Result<()> {
//! let port = Port::find("nginx")?;          // OFFSHOOT_PORTS, ports/ above the executable, ./ports
//! let cache = Cache::open_default()?;       // OFFSHOOT_CACHE, XDG_CACHE_HOME/offshoot, ~/.cache/offshoot
//! let progress = Progress::stderr();        // bars on a terminal, plain lines elsewhere
//!
//! // `offshoot port build`: asks apt what is current, and builds when anything changed.
//! let root = build_root(&port, &cache, &progress)?;
//! // `offshoot run --port`: the root that is there, built first if there is none for this port.toml.
//! let root = open_root(&port, &cache, &progress)?;
//!
//! // Keep `root` alive as long as the family runs: it holds the lock that keeps the folder from being pruned.
//! println!("{} runs {:?} in {}", port.name, port.command, root.path().display());
//! # Ok(())
//! # }
//! ```
//!
//! Errors are meant for the user: print them with `{error:#}`, which gives one line.

#![forbid(unsafe_code)]

mod apt;
mod build;
mod cache;
mod deb;
mod ldcache;
mod locate;
mod port;
mod progress;
mod skeleton;
mod source;
mod sources;
mod tree;
mod values;

pub use build::{Root, build_root, open_root};
pub use cache::Cache;
pub use locate::{list_ports, ports_dir};
pub use port::Port;
pub use progress::{Progress, Step};
pub use source::{Source, open_source};
pub use values::{Publish, parse_size};
