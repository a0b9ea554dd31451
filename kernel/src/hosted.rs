#![no_std]
#![no_main]
use core::arch::naked_asm;
#[panic_handler]
fn p(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("mov edi, 7", "mov eax, 231", "syscall")
}
