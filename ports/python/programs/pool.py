"""multiprocessing.Pool: forked workers that share what their parent had, answer in order, and pass errors on."""
import multiprocessing
import os

words = [f"word {i}" for i in range(50_000)]


def length(index):
    return len(words[index])


def who(_):
    everybody.wait(30)
    return os.getpid()


def fails(_):
    raise ValueError("as told")


def main():
    global everybody
    fork = multiprocessing.get_context("fork")
    everybody = fork.Barrier(4)
    with fork.Pool(4) as pool:
        assert pool.map(length, range(50_000), chunksize=500) == [len(word) for word in words]
        print("map:", sum(pool.imap_unordered(length, range(1000), chunksize=10)))
        workers = set(pool.map(who, range(4), chunksize=1))
        assert os.getpid() not in workers and len(workers) == 4, workers
        print("workers:", len(workers))
        later = [pool.apply_async(pow, (2, n)) for n in range(10)]
        print("apply:", [one.get(30) for one in later])
        try:
            pool.map(fails, range(3))
        except ValueError as error:
            print("error:", error)

    counter, lock, queue = fork.Value("i", 0), fork.Lock(), fork.Queue()

    def count(name):
        for _ in range(500):
            with lock:
                counter.value += 1
        queue.put(name)

    children = [fork.Process(target=count, args=(n,)) for n in range(4)]
    for child in children:
        child.start()
    names = sorted(queue.get(timeout=30) for _ in children)
    for child in children:
        child.join(30)
    print("counted:", counter.value, "by", names, "who ended with", [child.exitcode for child in children])

    with fork.Manager() as manager:
        shared = manager.dict()
        child = fork.Process(target=shared.update, args=({"key": "value"},))
        child.start()
        child.join(30)
        print("manager:", dict(shared))


main()
