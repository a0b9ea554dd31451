"""mmap shared between processes: without a file, of a file, and multiprocessing's shared memory by name."""
import mmap
import multiprocessing
import os
import struct
import tempfile
from multiprocessing import shared_memory


def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


area = mmap.mmap(-1, 1 << 20)
own = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area[:5], own[:5] = b"first", b"first"


def write():
    area[:6], area[-3:] = b"second", b"end"
    own[:6] = b"second"


print("anonymous:", in_child(write), area[:6], area[-3:], "private:", own[:6])

with tempfile.TemporaryFile() as file:
    file.truncate(3 * 4096)
    view = mmap.mmap(file.fileno(), 0)

    def through_the_file():
        os.pwrite(file.fileno(), b"by a write", 4096)
        again = mmap.mmap(file.fileno(), 0)
        again[8192:8202] = b"by a write"

    print("file:", in_child(through_the_file), view[4096:4106], view[8192:8202])
    view.resize(5 * 4096)
    print("resized:", len(view), os.fstat(file.fileno()).st_size)
    view.close()

memory = shared_memory.SharedMemory(create=True, size=8192)


def by_name(name):
    there = shared_memory.SharedMemory(name)
    values = struct.unpack_from("100q", there.buf)
    struct.pack_into("q", there.buf, 4096, sum(values))
    there.close()


struct.pack_into("100q", memory.buf, 0, *range(100))
child = multiprocessing.get_context("fork").Process(target=by_name, args=(memory.name,))
child.start()
child.join(60)
print("by name:", child.exitcode, struct.unpack_from("q", memory.buf, 4096)[0])
memory.close()
memory.unlink()
