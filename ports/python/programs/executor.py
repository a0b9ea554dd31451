"""concurrent.futures.ProcessPoolExecutor, with each way to start a worker; a worker that dies breaks the pool."""
import concurrent.futures
import multiprocessing
import os
import signal
from concurrent.futures.process import BrokenProcessPool


def is_prime(n):
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def main():
    for way in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(way)
        with concurrent.futures.ProcessPoolExecutor(3, mp_context=context) as executor:
            primes = list(executor.map(is_prime, range(2000), chunksize=100))
            tenth = executor.submit(is_prime, 1_000_003)
            print(way, sum(primes), tenth.result(60))
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        try:
            executor.submit(die).result(60)
        except BrokenProcessPool:
            print("a dead worker is noticed")


if __name__ == "__main__":
    main()
