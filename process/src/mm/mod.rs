//! The address space: mappings of the app, kept beside what the platform has mapped.

mod bounds;
mod brk;
mod code;
pub mod maps;
mod space;
pub mod vma;

pub use code::Code;
pub use space::{AddressSpace, Content, Place};
pub use vma::{MappedFile, MappedRegion, OnFork, Source, Totals, Vma, VmaSet, page_down, page_up};

#[cfg(test)]
mod vma_tests;
