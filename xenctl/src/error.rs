//! What can go wrong, named after the interface that refused.

use std::{fmt, io};

use crate::DomId;

/// Shorthand for the crate's results.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure, with its place.
#[derive(Debug)]
pub enum Error {
    /// One of the kernel's devices (or the xenstore socket) cannot be used: most often, this is no dom0 or not root.
    Device {
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A hypercall or an operation of a device was refused.
    Call {
        /// Its name, as Xen's or Linux's headers have it.
        name: &'static str,
        /// The domain it was about.
        domain: Option<DomId>,
        /// Linux's (and Xen's) number of the error.
        errno: i32,
    },
    /// xenstore refused a request.
    Store {
        /// The request and its path.
        request: String,
        /// The name of the error, such as `ENOENT`.
        error: String,
    },
    /// The kernel's image cannot be booted.
    Image(String),
    /// A table of a domain is full: grant entries, reserved window, ...
    Full(&'static str),
}

impl Error {
    /// A refused call.
    pub(crate) fn call(name: &'static str, domain: impl Into<Option<DomId>>, error: io::Error) -> Error {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        Error::Call { name, domain: domain.into(), errno }
    }

    /// The error's number, where it has one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Error::Device { source, .. } => source.raw_os_error(),
            Error::Call { errno, .. } => Some(*errno),
            Error::Store { error, .. } => match error.as_str() {
                "ENOENT" => Some(libc::ENOENT),
                "EEXIST" => Some(libc::EEXIST),
                "EACCES" => Some(libc::EACCES),
                "ENOSPC" => Some(libc::ENOSPC),
                "ENOMEM" => Some(libc::ENOMEM),
                "EINVAL" => Some(libc::EINVAL),
                _ => None,
            },
            Error::Full(_) => Some(libc::ENOSPC),
            Error::Image(_) => Some(libc::ENOEXEC),
        }
    }

    /// Whether the domain is not there (any more).
    pub fn is_gone(&self) -> bool {
        self.errno() == Some(libc::ESRCH)
    }

    /// Whether Xen or dom0 has too little memory.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self.errno(), Some(libc::ENOMEM | libc::E2BIG))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Device { path, source } => write!(f, "cannot use {path}: {source}"),
            Error::Call { name, domain: Some(domain), errno } => {
                write!(f, "{name} for domain {domain}: {}", io::Error::from_raw_os_error(*errno))
            }
            Error::Call { name, domain: None, errno } => {
                write!(f, "{name}: {}", io::Error::from_raw_os_error(*errno))
            }
            Error::Store { request, error } => write!(f, "xenstore: {request}: {error}"),
            Error::Image(why) => write!(f, "the kernel's image cannot be booted: {why}"),
            Error::Full(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Device { source, .. } => Some(source),
            _ => None,
        }
    }
}
