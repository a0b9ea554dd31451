"""sqlite in WAL mode: two processes write and read one database at the same time; a killed writer harms nothing."""
import os
import signal
import sqlite3
import tempfile
import time

place = os.path.join(tempfile.mkdtemp(), "journal.db")
ROWS = 300


def connect():
    return sqlite3.connect(place, timeout=60, isolation_level=None)


def write(who):
    db = connect()
    for n in range(ROWS):
        db.execute("BEGIN IMMEDIATE")
        (total,) = db.execute("SELECT total FROM sums").fetchone()
        db.execute("INSERT INTO entries VALUES (?, ?)", (who, n))
        db.execute("UPDATE sums SET total = ?", (total + 1,))
        db.execute("COMMIT")
    db.close()


def in_child(work, *args):
    child = os.fork()
    if child == 0:
        try:
            work(*args)
            os._exit(0)
        finally:
            os._exit(1)
    return child


def status(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


db = connect()
print("mode:", db.execute("PRAGMA journal_mode=WAL").fetchone()[0])
db.execute("CREATE TABLE entries (who TEXT, n INTEGER)")
db.execute("CREATE TABLE sums (total INTEGER)")
db.execute("INSERT INTO sums VALUES (0)")
db.close()

writers = [in_child(write, who) for who in ("left", "right")]
db = connect()
looks = 0
while db.execute("SELECT total FROM sums").fetchone()[0] < 2 * ROWS:
    db.execute("BEGIN")
    (total,) = db.execute("SELECT total FROM sums").fetchone()
    (count,) = db.execute("SELECT count(*) FROM entries").fetchone()
    db.execute("COMMIT")
    assert total == count, (total, count)
    looks += 1
    time.sleep(0.01)
assert looks > 0
print("writers:", [status(writer) for writer in writers])
print("rows:", db.execute("SELECT who, count(*), sum(n) FROM entries GROUP BY who ORDER BY who").fetchall())


def open_transaction():
    one = connect()
    one.execute("BEGIN IMMEDIATE")
    one.execute("INSERT INTO entries VALUES ('lost', 0)")
    os.kill(os.getpid(), signal.SIGKILL)


print("killed:", status(in_child(open_transaction)))
db.execute("INSERT INTO entries VALUES ('after', 0)")
print("after:", db.execute("SELECT count(*) FROM entries WHERE who IN ('lost', 'after')").fetchone()[0])
print("checkpoint:", db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
print("check:", db.execute("PRAGMA integrity_check").fetchone()[0])
