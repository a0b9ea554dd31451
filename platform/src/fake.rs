//! An in-memory platform for tests of kernel logic.
