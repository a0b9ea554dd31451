//! What the precompiled libraries want of a kernel that ends instead of unwinding.

/// Makes panics of this kernel end by `die(format_args!(…))`.
#[macro_export]
macro_rules! ends_by {
    ($die:path) => {
        #[cfg(freestanding)]
        #[panic_handler]
        fn panicked(info: &::core::panic::PanicInfo<'_>) -> ! {
            match info.location() {
                Some(at) => $die(format_args!("panic at {}:{}: {}", at.file(), at.line(), info.message())),
                None => $die(format_args!("panic: {}", info.message())),
            }
        }

        /// Named by the precompiled core library's unwind tables; nothing here unwinds.
        #[cfg(freestanding)]
        #[unsafe(no_mangle)]
        extern "C" fn rust_eh_personality() {}

        /// Named by the precompiled alloc library; nothing here unwinds.
        #[cfg(freestanding)]
        #[unsafe(no_mangle)]
        extern "C" fn _Unwind_Resume() -> ! {
            $die(format_args!("unwinding was attempted"))
        }
    };
}
