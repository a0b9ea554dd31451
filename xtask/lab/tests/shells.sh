# An operator destroys the warm shells right before a fork, twenty times: none of them fails, no child is lost.
. xtask/lab/tests/lib.sh
mkfifo "$log.in"
offshoot run --platform xen --name bare -- /lab/bin/offshoot-lab-tries steps <"$log.in" >"$log" 2>&1 &
family=$!
exec 3>"$log.in"
rm "$log.in"
within 60 more_rounds 0 || fail "the family does not start"
shells() { xl list | awk '$1 ~ /^bare\.shell/ { print $1 }'; }
two_warm() { [ "$(shells | wc -l)" -ge 2 ]; }
destroyed=0
for step in $(seq 20); do
    within 60 two_warm || fail "step $step: no shells are kept warm"
    for shell in $(shells); do
        xl destroy "$shell" && destroyed=$((destroyed + 1))
    done
    echo go >&3
    within 60 more_rounds "$step" || fail "step $step: the fork fails"
done
echo "$destroyed shells were destroyed"
[ "$destroyed" -ge 40 ] || fail "only $destroyed shells were destroyed"
grep -v '^round' "$log" && fail "more is said than rounds"
stop
