# Xen runs out of memory: who wants more is told or killed, everybody else goes on, and afterwards all is as before.
. xtask/lab/tests/lib.sh
start small -- /bin/busybox sh -c 'n=0; while :; do (true) && n=$((n + 1)) && echo "round $n"; sleep 0.2; done'
within 60 more_rounds 0 || fail "the family does not start"
hogs=$(mktemp)
free=$(xl info free_memory)
# Each holds as much as it gets, until it is killed; together more than there is.
for i in 1 2 3; do
    offshoot run --platform xen -m 4g --name "hog$i" -- /bin/busybox sh -c \
        "dd if=/dev/zero bs=$((free / 2))M count=1 | sleep 15; echo ended" >>"$hogs" 2>&1 </dev/null &
    eval "hog$i=\$!"
done
scarce() { [ "$(xl info free_memory)" -lt 32 ]; }
within 60 scarce || fail "the hogs do not use the memory up: $(xl info free_memory) MiB are free; $(cat "$hogs")"
# With no memory at all a fork fails, and the shell says so; it may not be killed for it.
sleep 3
kill -0 "$family" 2>/dev/null || fail "a family was killed that wanted nothing"
# shellcheck disable=SC2154
wait "$hog1" "$hog2" "$hog3"
cat "$hogs"
goes_on "when there is memory again"
stop
