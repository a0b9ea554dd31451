"""subprocess: both directions at once, pipelines, statuses, signals, sessions and descriptors that are passed on."""
import os
import signal
import subprocess
import sys

text = "".join(f"{i * 7919 % 10007}\n" for i in range(100_000))
done = subprocess.run(["sort", "-n"], input=text, capture_output=True, text=True, timeout=60)
assert done.stdout.split() == sorted(text.split(), key=int) and done.returncode == 0
print("communicate:", len(done.stdout.split()), "lines")

echo = "import sys\nfor line in sys.stdin: print(line.strip()[::-1], flush=True)"
with subprocess.Popen(
    [sys.executable, "-c", echo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
) as child:
    answers = []
    for word in ("one", "two", "three"):
        child.stdin.write(word + "\n")
        answers.append(child.stdout.readline().strip())
    child.stdin.close()
    print("a conversation:", answers, child.wait(30))

first = subprocess.Popen(["seq", "100000"], stdout=subprocess.PIPE)
second = subprocess.Popen(["head", "-n", "3"], stdin=first.stdout, stdout=subprocess.PIPE, text=True)
first.stdout.close()
print("a pipeline:", second.communicate(timeout=30)[0].split(), "the first ends with", first.wait(30))

print("shell:", subprocess.check_output("echo $((6 * 7)); exit 0", shell=True, text=True).strip())
try:
    subprocess.run(["sleep", "60"], timeout=0.2)
except subprocess.TimeoutExpired:
    print("a timeout is kept")
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
assert os.getsid(child.pid) == child.pid
os.killpg(child.pid, signal.SIGTERM)
print("a session of its own, ended by", child.wait(30))
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as error:
    print("not there:", error.errno, error.filename)
reader, writer = os.pipe()
subprocess.run(["sh", "-c", f"echo passed >&{writer}"], pass_fds=[writer], check=True)
os.close(writer)
print("a descriptor:", os.read(reader, 100).decode().strip())
failed = subprocess.run(["sh", "-c", "echo wrong >&2; exit 3"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
print("status:", failed.returncode, failed.stderr.strip())
