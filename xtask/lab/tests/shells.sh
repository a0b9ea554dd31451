# An operator destroys the warm shells before each of forty forks: none of them fails.
. xtask/lab/tests/lib.sh
start bare -- /lab/bin/offshoot-lab-tries rounds 300 1
within 60 more_rounds 2 || fail "the family does not start"
destroyed=0
until [ "$destroyed" -ge 40 ]; do
    for shell in $(xl list | awk '$1 ~ /^bare\.shell/ { print $1 }'); do
        xl destroy "$shell" 2>/dev/null && destroyed=$((destroyed + 1))
    done
    kill -0 "$family" 2>/dev/null || fail "the family is gone after $destroyed"
done
goes_on "after $destroyed shells"
grep -v '^round' "$log" | sort | uniq -c | sort -rn | head -n 5
said '^no fork' && fail "a fork failed"
said wrong && fail "the work is wrong"
stop
