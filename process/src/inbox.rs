//! Messages from the monitor become signals, continues and futex wake-ups.

use protocol::inbox::Message;

/// Handles one message.
pub fn handle(_msg: Message) {}
