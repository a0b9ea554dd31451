//! Memory mappings: mmap(2), mprotect(2), mremap(2), madvise(2), msync(2), mlock(2), memfd_create(2).

pub const PAGE_SIZE: usize = 4096;
pub const PAGE_SHIFT: u32 = 12;

pub const PROT_NONE: u32 = 0x0;
pub const PROT_READ: u32 = 0x1;
pub const PROT_WRITE: u32 = 0x2;
pub const PROT_EXEC: u32 = 0x4;
pub const PROT_SEM: u32 = 0x8;
pub const PROT_GROWSDOWN: u32 = 0x100_0000;
pub const PROT_GROWSUP: u32 = 0x200_0000;

bitflags::bitflags! {
    /// The `prot` argument of mmap and mprotect.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ProtFlags: u32 {
        const PROT_NONE = PROT_NONE;
        const PROT_READ = PROT_READ;
        const PROT_WRITE = PROT_WRITE;
        const PROT_EXEC = PROT_EXEC;
        const PROT_SEM = PROT_SEM;
        const PROT_GROWSDOWN = PROT_GROWSDOWN;
        const PROT_GROWSUP = PROT_GROWSUP;
    }
}

/// The bits of `flags` that hold the mapping's type.
pub const MAP_TYPE: u32 = 0xf;

pub const MAP_SHARED: u32 = 0x1;
pub const MAP_PRIVATE: u32 = 0x2;
pub const MAP_SHARED_VALIDATE: u32 = 0x3;
pub const MAP_DROPPABLE: u32 = 0x8;
pub const MAP_FIXED: u32 = 0x10;
pub const MAP_ANONYMOUS: u32 = 0x20;
pub const MAP_32BIT: u32 = 0x40;
pub const MAP_GROWSDOWN: u32 = 0x100;
pub const MAP_DENYWRITE: u32 = 0x800;
pub const MAP_EXECUTABLE: u32 = 0x1000;
pub const MAP_LOCKED: u32 = 0x2000;
pub const MAP_NORESERVE: u32 = 0x4000;
pub const MAP_POPULATE: u32 = 0x8000;
pub const MAP_NONBLOCK: u32 = 0x1_0000;
pub const MAP_STACK: u32 = 0x2_0000;
pub const MAP_HUGETLB: u32 = 0x4_0000;
pub const MAP_SYNC: u32 = 0x8_0000;
pub const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;
pub const MAP_UNINITIALIZED: u32 = 0x400_0000;

bitflags::bitflags! {
    /// The `flags` argument of mmap. MAP_SHARED_VALIDATE is the two type bits together; MAP_FILE is no bit at all.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MapFlags: u32 {
        const MAP_SHARED = MAP_SHARED;
        const MAP_PRIVATE = MAP_PRIVATE;
        const MAP_SHARED_VALIDATE = MAP_SHARED_VALIDATE;
        const MAP_DROPPABLE = MAP_DROPPABLE;
        const MAP_FIXED = MAP_FIXED;
        const MAP_ANONYMOUS = MAP_ANONYMOUS;
        const MAP_32BIT = MAP_32BIT;
        const MAP_GROWSDOWN = MAP_GROWSDOWN;
        const MAP_DENYWRITE = MAP_DENYWRITE;
        const MAP_EXECUTABLE = MAP_EXECUTABLE;
        const MAP_LOCKED = MAP_LOCKED;
        const MAP_NORESERVE = MAP_NORESERVE;
        const MAP_POPULATE = MAP_POPULATE;
        const MAP_NONBLOCK = MAP_NONBLOCK;
        const MAP_STACK = MAP_STACK;
        const MAP_HUGETLB = MAP_HUGETLB;
        const MAP_SYNC = MAP_SYNC;
        const MAP_FIXED_NOREPLACE = MAP_FIXED_NOREPLACE;
        const MAP_UNINITIALIZED = MAP_UNINITIALIZED;
    }
}

pub const MAP_FILE: u32 = 0x0;
pub const MAP_HUGE_SHIFT: u32 = 0x1a;
pub const MAP_HUGE_MASK: u32 = 0x3f;

// madvise(2).
pub const MADV_NORMAL: i32 = 0;
pub const MADV_RANDOM: i32 = 1;
pub const MADV_SEQUENTIAL: i32 = 2;
pub const MADV_WILLNEED: i32 = 3;
pub const MADV_DONTNEED: i32 = 4;
pub const MADV_FREE: i32 = 8;
pub const MADV_REMOVE: i32 = 9;
pub const MADV_DONTFORK: i32 = 10;
pub const MADV_DOFORK: i32 = 11;
pub const MADV_MERGEABLE: i32 = 12;
pub const MADV_UNMERGEABLE: i32 = 13;
pub const MADV_HUGEPAGE: i32 = 14;
pub const MADV_NOHUGEPAGE: i32 = 15;
pub const MADV_DONTDUMP: i32 = 16;
pub const MADV_DODUMP: i32 = 17;
pub const MADV_WIPEONFORK: i32 = 18;
pub const MADV_KEEPONFORK: i32 = 19;
pub const MADV_COLD: i32 = 20;
pub const MADV_PAGEOUT: i32 = 21;
pub const MADV_POPULATE_READ: i32 = 22;
pub const MADV_POPULATE_WRITE: i32 = 23;
pub const MADV_DONTNEED_LOCKED: i32 = 24;
pub const MADV_COLLAPSE: i32 = 25;
pub const MADV_HWPOISON: i32 = 100;
pub const MADV_SOFT_OFFLINE: i32 = 101;
pub const MADV_GUARD_INSTALL: i32 = 102;
pub const MADV_GUARD_REMOVE: i32 = 103;

// mremap(2).
pub const MREMAP_MAYMOVE: u32 = 0x1;
pub const MREMAP_FIXED: u32 = 0x2;
pub const MREMAP_DONTUNMAP: u32 = 0x4;

// msync(2).
pub const MS_ASYNC: u32 = 0x1;
pub const MS_INVALIDATE: u32 = 0x2;
pub const MS_SYNC: u32 = 0x4;

// mlock2(2), mlockall(2).
pub const MLOCK_ONFAULT: u32 = 0x1;
pub const MCL_CURRENT: u32 = 0x1;
pub const MCL_FUTURE: u32 = 0x2;
pub const MCL_ONFAULT: u32 = 0x4;

// memfd_create(2).
pub const MFD_CLOEXEC: u32 = 0x1;
pub const MFD_ALLOW_SEALING: u32 = 0x2;
pub const MFD_HUGETLB: u32 = 0x4;
pub const MFD_NOEXEC_SEAL: u32 = 0x8;
pub const MFD_EXEC: u32 = 0x10;

// pkey_alloc(2).
pub const PKEY_DISABLE_ACCESS: u32 = 0x1;
pub const PKEY_DISABLE_WRITE: u32 = 0x2;

// set_mempolicy(2), get_mempolicy(2), mbind(2).
pub const MPOL_DEFAULT: u32 = 0x0;
pub const MPOL_PREFERRED: u32 = 0x1;
pub const MPOL_BIND: u32 = 0x2;
pub const MPOL_INTERLEAVE: u32 = 0x3;
pub const MPOL_LOCAL: u32 = 0x4;
pub const MPOL_PREFERRED_MANY: u32 = 0x5;
pub const MPOL_WEIGHTED_INTERLEAVE: u32 = 0x6;
pub const MPOL_F_NUMA_BALANCING: u32 = 0x2000;
pub const MPOL_F_STATIC_NODES: u32 = 0x8000;
pub const MPOL_F_RELATIVE_NODES: u32 = 0x4000;
pub const MPOL_F_NODE: u32 = 0x1;
pub const MPOL_F_ADDR: u32 = 0x2;
pub const MPOL_F_MEMS_ALLOWED: u32 = 0x4;
pub const MPOL_MF_STRICT: u32 = 0x1;
pub const MPOL_MF_MOVE: u32 = 0x2;
pub const MPOL_MF_MOVE_ALL: u32 = 0x4;
