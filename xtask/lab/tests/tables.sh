# Xen allows tables of a few frames only: what does not fit is an error to the program, and the family lives.
. xtask/lab/tests/lib.sh
start tight -- /bin/busybox sh -c 'n=0; while :; do echo a | cat >/dev/null; n=$((n + 1)); echo "round $n"; sleep 0.1; done'
within 60 more_rounds 3 || fail "the family does not start"
# More pipes at one time than there are pages for: some of it fails, nobody hangs.
timeout 120 offshoot run --platform xen --name wide -- /bin/busybox sh -c '
    for i in $(seq 20); do (sleep 3 | sleep 3 | sleep 3) & done; wait; echo through' 2>&1 | tail -n 3
goes_on "beside a family that wants too much"
stop
