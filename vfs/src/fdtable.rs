//! File descriptors of a process.

/// Descriptor numbers to open files.
#[derive(Default)]
pub struct FdTable {}
