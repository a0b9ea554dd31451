#!/usr/bin/env bash
# Python's ways to have several processes, each by a program whose whole output is compared; and a server whose requests
# are answered by forked members, for curl.
. "$(dirname "$0")/../testlib.sh"
: "${HOST_PORT:?set HOST_PORT to a free port}"
here=$(cd "$(dirname "$0")" && pwd)
url=http://127.0.0.1:$HOST_PORT

# program NAME WHAT: its output is the one in programs/NAME.expected, and its status is 0.
program() {
    local status
    timeout $((120 * patience)) "$OFFSHOOT" run --port python -- "/srv/python/$1.py" >"$scratch/out" 2>"$scratch/err" </dev/null
    status=$?
    if [ "$status" -ne 0 ]; then
        not_ok "python: $2" "status $status: $(tail -n 1 "$scratch/err")"
    elif ! diff "$here/programs/$1.expected" "$scratch/out" >"$scratch/diff"; then
        not_ok "python: $2" "$(sed -n 2,5p "$scratch/diff" | paste -sd' ')"
    else
        ok "python: $2"
    fi
}

program pool "multiprocessing.Pool over fork"
program executor "ProcessPoolExecutor by fork, spawn and forkserver"
program pipes "subprocess with pipes both ways"
program tasks "asyncio subprocesses"
program shared "mmap shared between processes"
program journal "sqlite in WAL mode from two processes"

get() { curl --silent --show-error --max-time $((20 * patience)) "$@" 2>&1; }

answers() { get "$url/pid" | grep -q '^[0-9]* [0-9]*$'; }

# Eight at once: each by a child of its own, all of one parent.
forks() {
    local n
    for n in 1 2 3 4 5 6 7 8; do get "$url/pid" >"$scratch/pid.$n" & pids[n]=$!; done
    wait "${pids[@]}"
    [ "$(cut -d' ' -f1 "$scratch"/pid.? | sort -u | wc -l)" = 8 ] && [ "$(cut -d' ' -f2 "$scratch"/pid.? | sort -u | wc -l)" = 1 ]
}

answers_a_post() { [ "$(get --data 'shout this' "$url/")" = 'SHOUT THIS' ]; }

gives_a_mebibyte() { [ "$(get "$url/big" | cksum)" = "$(for _ in $(seq 4096); do printf '%b' "$bytes"; done | cksum)" ]; }
bytes=$(for n in $(seq 0 255); do printf '\\0%03o' "$n"; done)

says_404() { [ "$(get --output /dev/null --write-out '%{http_code}' "$url/nothing-here")" = 404 ]; }

family_start --port python -p "$HOST_PORT:8081" -- /srv/python/server.py 8081
if ! family_answers 20 answers; then
    not_ok "python: a ForkingMixIn server answers" "no answer; it says: $(family_words)"
    exit 1
fi
ok "python: a ForkingMixIn server answers"
check "python: each request has a member" "not eight members of one parent" forks
check "python: the server answers a POST" "another answer" answers_a_post
check "python: the server gives a MiB" "other bytes" gives_a_mebibyte
check "python: the server says 404" "another status" says_404
family_ends "python: the server ends with status 0 on TERM" 10
