//! The address space: mappings of the app, kept beside what the platform has mapped.

mod brk;
mod space;
pub mod vma;

pub use space::{AddressSpace, Place};
pub use vma::{MappedFile, Source, Vma, VmaSet, page_down, page_up};
