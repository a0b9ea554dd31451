//! The address space: mappings of the app, kept beside what the platform has mapped.

/// The app's mappings.
#[derive(Default)]
pub struct AddressSpace {}
