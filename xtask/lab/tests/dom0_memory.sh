# dom0 has no memory left, then the monitor alone may have no more: forks go on or fail as POSIX says, each with a line, and the
# family goes on.
. xtask/lab/tests/lib.sh
start strained -- /lab/bin/offshoot-lab-tries rounds 30 300
within 60 more_rounds 2 || fail "the family does not start"
/lab/bin/offshoot-lab-tries eat 8 || fail "dom0 is not out of memory"
goes_on "when dom0 has memory again"
/lab/bin/offshoot-lab-tries bound "$family" 0
within 20 said '^no fork: ' || echo "the monitor needs no more"
before=$(rounds)
sleep 2
kill -0 "$family" || fail "the family is gone"
echo "$(($(rounds) - before)) rounds with a monitor that may have no more"
/lab/bin/offshoot-lab-tries bound "$family" -1
goes_on "when the monitor may have more again"
said wrong && fail "the work is wrong"
said panicked && fail "something panicked"
[ "$(grep -c 'cannot build a domain' "$log")" -le 5 ] || fail "the want of memory is told again and again"
said 'kernel crashed' && fail "a kernel crashed for want of memory"
grep -v '^round' "$log" | sort | uniq -c | sort -rn | head -n 5
stop
