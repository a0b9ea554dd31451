# An operator pauses and unpauses members at random, a hundred times: all the work is done, only later.
. xtask/lab/tests/lib.sh
start held -- /bin/busybox sh -c '
    n=0; while :; do
        sum=$(for i in $(seq 12); do echo "$i" | cat; done | md5sum)
        [ "$sum" = "$(seq 12 | md5sum)" ] || echo "wrong: $sum"
        n=$((n + 1)); echo "round $n"
    done'
within 60 more_rounds 0 || fail "the family does not start"
for i in $(seq 100); do
    # shellcheck disable=SC2046
    one=$(any held.1 $(members held))
    xl pause "$one" 2>/dev/null && usleep $((i % 5 * 20000))
    xl unpause "$one" 2>/dev/null
    kill -0 "$family" 2>/dev/null || fail "the family is gone after $i"
done
goes_on "after 100 pauses"
said wrong && fail "the work is wrong"
stop
