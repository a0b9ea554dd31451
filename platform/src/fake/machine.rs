//! The machine part of the fake.

use core::sync::atomic::{AtomicU32, Ordering};
use std::boxed::Box;

use abi::regs::{MXCSR_DEFAULT, TrapFrame};
use zerocopy::IntoBytes;

use super::pages::PAGE;
use super::{Fake, lock};
use crate::machine::{CodeSpace, Usage};
use crate::{Backing, ContextId, Fault, Machine, MemError, Prot, RegionView, Regions};
use protocol::SharedMem;

/// Where the app may have memory.
const APP: (usize, usize) = (0x1_0000, 0x1000_0000_0000);
/// An FXSAVE image.
const XSTATE: usize = 512;
const OFF_MXCSR: usize = 24;
const OFF_XMM: usize = 160;

impl Machine for Fake {
    fn app_ranges(&self) -> &'static [(usize, usize)] {
        &[APP]
    }
    fn map(&self, addr: usize, len: usize, prot: Prot, backing: Backing) -> Result<(), MemError> {
        match backing {
            Backing::Anon => lock(&self.pages).map_zero(addr, len, prot),
            Backing::Region { id, offset, shared } => {
                let view = self.view(id, true)?;
                let mut pages = lock(&self.pages);
                pages.unmap(addr, len);
                pages.map_region(addr, len, prot, &view, offset as usize, shared);
            }
        }
        Ok(())
    }
    fn protect(&self, addr: usize, len: usize, prot: Prot) -> Result<(), MemError> {
        lock(&self.pages).protect(addr, len, prot);
        Ok(())
    }
    fn unmap(&self, addr: usize, len: usize) -> Result<(), MemError> {
        lock(&self.pages).unmap(addr, len);
        Ok(())
    }
    fn move_pages(&self, old: usize, old_len: usize, new: usize, new_len: usize) -> Result<(), MemError> {
        lock(&self.pages).move_to(old, old_len, new, new_len);
        Ok(())
    }
    fn discard(&self, addr: usize, len: usize) -> Result<(), MemError> {
        lock(&self.pages).discard(addr, len);
        Ok(())
    }
    fn sync(&self, _addr: usize, _len: usize) -> Result<(), MemError> {
        Ok(())
    }
    fn resident(&self, addr: usize, out: &mut [u8]) -> Result<(), MemError> {
        let pages = lock(&self.pages);
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = pages.is_mapped(addr + i * PAGE).into();
        }
        Ok(())
    }

    fn copy_in(&self, src: usize, dst: &mut [u8]) -> Result<(), Fault> {
        lock(&self.pages).read(src, dst)
    }
    fn copy_out(&self, dst: usize, src: &[u8]) -> Result<(), Fault> {
        lock(&self.pages).write(dst, src)
    }
    fn copy_out_region(&self, dst: usize, view: &RegionView, off: usize, len: usize) -> Result<(), Fault> {
        let mut bytes = std::vec![0; len];
        view.read(off, &mut bytes);
        self.copy_out(dst, &bytes)
    }
    fn copy_in_region(&self, view: &RegionView, off: usize, src: usize, len: usize) -> Result<(), Fault> {
        let mut bytes = std::vec![0; len];
        self.copy_in(src, &mut bytes)?;
        view.write(off, &bytes);
        Ok(())
    }
    fn load_u32(&self, addr: usize) -> Result<u32, Fault> {
        let mut word = [0; 4];
        self.copy_in(addr, &mut word)?;
        Ok(u32::from_le_bytes(word))
    }
    /// Nothing else runs meanwhile, so a load and a store do.
    fn cas_u32(&self, addr: usize, old: u32, new: u32) -> Result<u32, Fault> {
        let found = self.load_u32(addr)?;
        if found == old {
            self.copy_out(addr, &new.to_le_bytes())?;
        }
        Ok(found)
    }
    fn copy_in_str(&self, src: usize, dst: &mut [u8]) -> Result<usize, Fault> {
        for i in 0..dst.len() {
            self.copy_in(src + i, &mut dst[i..=i])?;
            if dst[i] == 0 {
                return Ok(i);
            }
        }
        Ok(dst.len())
    }

    fn create_context(&self, entry: fn(usize) -> !, arg: usize) -> Result<ContextId, MemError> {
        let left = |n: u64| n.checked_sub(1);
        self.contexts_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            .map_err(|_| MemError::NoMemory)?;
        Ok(self.contexts.create(Box::new(move || entry(arg))))
    }
    fn current_context(&self) -> ContextId {
        self.contexts.current()
    }
    fn switch_context(&self, to: ContextId) {
        let tls = self.tls.load(Ordering::SeqCst);
        self.contexts.switch(to);
        self.tls.store(tls, Ordering::SeqCst);
    }
    fn free_context(&self, _id: ContextId) {}
    fn enter_user(&self, frame: &TrapFrame) -> ! {
        let user = *lock(&self.user);
        if let Some(user) = user {
            user(frame);
        }
        panic!("user mode came to its end");
    }
    fn tls(&self) -> usize {
        self.tls.load(Ordering::SeqCst) as usize
    }
    fn set_tls(&self, base: usize) {
        self.tls.store(base as u64, Ordering::SeqCst);
    }
    fn xstate_size(&self) -> usize {
        XSTATE
    }
    fn save_xstate(&self, frame: &TrapFrame, out: &mut [u8]) {
        out[OFF_MXCSR..OFF_MXCSR + 4].copy_from_slice(&frame.mxcsr.to_le_bytes());
        out[OFF_XMM..OFF_XMM + 256].copy_from_slice(frame.xmm.as_bytes());
    }
    fn restore_xstate(&self, frame: &mut TrapFrame, from: &[u8]) -> bool {
        if from.len() != XSTATE {
            return false;
        }
        frame.mxcsr.as_mut_bytes().copy_from_slice(&from[OFF_MXCSR..OFF_MXCSR + 4]);
        frame.xmm.as_mut_bytes().copy_from_slice(&from[OFF_XMM..OFF_XMM + 256]);
        true
    }
    fn reset_xstate(&self, frame: &mut TrapFrame) {
        frame.mxcsr = MXCSR_DEFAULT;
        frame.xmm = [[0; 2]; 16];
    }
    fn patch_site(&self, _frame: &TrapFrame, _space: &mut dyn CodeSpace) {}
    fn forget_sites(&self, _addr: usize, _len: usize) {}

    fn answer(&self, _: usize, _: &'static AtomicU32, _: &'static AtomicU32) {}

    fn console(&self, text: &[u8]) {
        lock(&self.console).push_str(&std::string::String::from_utf8_lossy(text));
    }
    /// Numbers that differ from call to call, the same in each run of a test.
    fn entropy(&self, buf: &mut [u8]) {
        for byte in buf {
            let n = self.entropy.fetch_add(1, Ordering::SeqCst);
            *byte = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        }
    }
    fn exit(&self) -> ! {
        self.contexts.exit()
    }
    fn vdso(&self) -> Option<usize> {
        None
    }
    fn hwcap(&self) -> (u64, u64) {
        (0, 0)
    }
    fn usage(&self) -> Usage {
        Usage::default()
    }
}
