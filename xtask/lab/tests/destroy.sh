# An operator destroys members, shells and ancestors at random, a hundred times: the rest of the family goes on.
. xtask/lab/tests/lib.sh
start razed -- /bin/busybox sh -c '
    n=0; while :; do
        for i in 1 2 3 4; do (x=$(echo "$i"); sleep 1; echo "$x" | cat >/dev/null) & done
        wait; n=$((n + 1)); echo "round $n"
    done' 2>/dev/null
within 60 more_rounds 0 || fail "the family does not start"
done=0
while [ "$done" -lt 100 ]; do
    list=$(members razed)
    for i in 1 2 3 4 5; do
        # shellcheck disable=SC2086
        one=$(any $list) && xl destroy "$one" 2>/dev/null && done=$((done + 1))
    done
    kill -0 "$family" 2>/dev/null || fail "the family is gone after $done"
done
goes_on "after $done destroyed"
stop
