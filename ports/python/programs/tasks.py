"""asyncio: subprocesses side by side, their pipes, a stream server and its clients in another process, signals."""
import asyncio
import os
import signal
import sys


async def run(*command, given=None):
    child = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(child.communicate(given), 60)
    return out.decode().strip(), child.returncode


async def lines():
    child = await asyncio.create_subprocess_exec("seq", "5", stdout=asyncio.subprocess.PIPE)
    seen = [line.decode().strip() async for line in child.stdout]
    return seen, await child.wait()


CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
    s.sendall(b"from " + sys.argv[2].encode() + b"\\n")
    print(s.makefile().readline().strip())
"""


async def serve():
    async def answer(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    async with server:
        return await asyncio.gather(*(run(sys.executable, "-c", CLIENT, port, str(n)) for n in range(3)))


async def main():
    many = await asyncio.gather(*(run("sh", "-c", f"sleep 0.1; cat; exit {n}", given=b"%d" % n) for n in range(8)))
    print("side by side:", many)
    print("lines:", *await lines())
    print("clients:", await serve())
    child = await asyncio.create_subprocess_exec("sleep", "60")
    child.terminate()
    print("terminated:", await asyncio.wait_for(child.wait(), 30))
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told.set)
    await run("sh", "-c", f"kill -USR1 {os.getpid()}")
    await asyncio.wait_for(told.wait(), 30)
    print("a signal is an event")


asyncio.run(main())
