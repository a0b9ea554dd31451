# An operator pauses and unpauses members at random, a hundred times: all the work is done, only later.
. xtask/lab/tests/lib.sh
start held -- /bin/busybox sh -c '
    n=0; while :; do
        sum=$(for i in $(seq 12); do echo "$i" | cat; done | md5sum)
        [ "$sum" = "$(seq 12 | md5sum)" ] || echo "wrong: $sum"
        n=$((n + 1)); echo "round $n"
    done'
within 60 more_rounds 0 || fail "the family does not start"
paused=0
while [ "$paused" -lt 100 ]; do
    list=$(members held)
    some=
    for i in 1 2 3 4; do
        # shellcheck disable=SC2086
        one=$(any held.1 $list)
        xl pause "$one" 2>/dev/null && some="$some $one" && paused=$((paused + 1))
    done
    usleep $((paused % 5 * 20000))
    # One that has ended meanwhile cannot be unpaused.
    for one in $some; do xl unpause "$one" 2>/dev/null; done
    kill -0 "$family" 2>/dev/null || fail "the family is gone after $paused"
done
goes_on "after $paused pauses"
said wrong && fail "the work is wrong"
stop
