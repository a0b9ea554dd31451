//! The part of [`platform::Machine`] that is the CPU's own.

pub use abi::regs::TrapFrame;
pub use platform::{ContextId, Fault, MemError, RegionView};

/// The methods of [`platform::Machine`] about the app's memory (by `AppMemory`), contexts, and the user's registers; `$leave`
/// goes to user mode by a frame.
#[macro_export]
macro_rules! machine_methods {
    ($contexts:expr, $leave:path) => {
        fn copy_in(&self, src: usize, dst: &mut [u8]) -> Result<(), $crate::machine::Fault> {
            // SAFETY: `dst` is a slice.
            unsafe { <Self as $crate::usercopy::AppMemory>::copy_in(dst.as_mut_ptr(), src, dst.len()) }
        }
        fn copy_out(&self, dst: usize, src: &[u8]) -> Result<(), $crate::machine::Fault> {
            // SAFETY: `src` is a slice.
            unsafe { <Self as $crate::usercopy::AppMemory>::copy_out(dst, src.as_ptr(), src.len()) }
        }
        fn copy_out_region(
            &self,
            dst: usize,
            view: &$crate::machine::RegionView,
            off: usize,
            len: usize,
        ) -> Result<(), $crate::machine::Fault> {
            // SAFETY: the view vouches for `len` bytes at `off`.
            unsafe { <Self as $crate::usercopy::AppMemory>::copy_out(dst, view.addr(off, len).as_ptr(), len) }
        }
        fn copy_in_region(
            &self,
            view: &$crate::machine::RegionView,
            off: usize,
            src: usize,
            len: usize,
        ) -> Result<(), $crate::machine::Fault> {
            // SAFETY: as above; that the view is writable is its holder's affair.
            unsafe { <Self as $crate::usercopy::AppMemory>::copy_in(view.addr(off, len).as_ptr(), src, len) }
        }
        fn load_u32(&self, addr: usize) -> Result<u32, $crate::machine::Fault> {
            <Self as $crate::usercopy::AppMemory>::load_u32(addr)
        }
        fn cas_u32(&self, addr: usize, old: u32, new: u32) -> Result<u32, $crate::machine::Fault> {
            <Self as $crate::usercopy::AppMemory>::cas_u32(addr, old, new)
        }
        fn copy_in_str(&self, src: usize, dst: &mut [u8]) -> Result<usize, $crate::machine::Fault> {
            <Self as $crate::usercopy::AppMemory>::copy_in_str(src, dst)
        }

        fn create_context(
            &self,
            entry: fn(usize) -> !,
            arg: usize,
        ) -> Result<$crate::machine::ContextId, $crate::machine::MemError> {
            $contexts.create(entry, arg)
        }
        fn current_context(&self) -> $crate::machine::ContextId {
            $contexts.current()
        }
        fn switch_context(&self, to: $crate::machine::ContextId) {
            $contexts.switch(to);
        }
        fn free_context(&self, id: $crate::machine::ContextId) {
            $contexts.free(id);
        }
        fn enter_user(&self, frame: &$crate::machine::TrapFrame) -> ! {
            $contexts.going_to_user();
            $leave(frame)
        }
        fn tls(&self) -> usize {
            $contexts.fs()
        }
        fn set_tls(&self, base: usize) {
            $contexts.set_fs(base);
        }
        fn xstate_size(&self) -> usize {
            $crate::xstate::signal_size()
        }
        fn save_xstate(&self, frame: &$crate::machine::TrapFrame, out: &mut [u8]) {
            $contexts.with_area(|area| area.save_for_signal(frame, out));
        }
        fn restore_xstate(&self, frame: &mut $crate::machine::TrapFrame, from: &[u8]) -> bool {
            $contexts.with_area(|area| area.load_from_signal(frame, from))
        }
        fn reset_xstate(&self, frame: &mut $crate::machine::TrapFrame) {
            $crate::xstate::reset_frame(frame);
            $contexts.with_area(|area| {
                area.clear();
                area.load_partial();
            });
        }
    };
}
