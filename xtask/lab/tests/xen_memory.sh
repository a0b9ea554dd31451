# Xen has no memory left: a fork fails as POSIX says or the child is lost, each with a line, the family goes on, and all is
# well again when there is memory. A family that cannot begin says so in a line.
. xtask/lab/tests/lib.sh
start starved -- /lab/bin/offshoot-lab-tries rounds 30 300
within 60 more_rounds 2 || fail "the family does not start"
rm -f /tmp/hog
mkfifo /tmp/hog
hog 1 </tmp/hog >/tmp/hog.log 2>&1 &
hog=$!
exec 3>/tmp/hog
within 60 grep -q holds /tmp/hog.log || fail "the memory is not taken: $(cat /tmp/hog.log)"
cat /tmp/hog.log
within 90 said '^no fork: \(Resource temporarily unavailable\|Cannot allocate memory\)$' || fail "no fork fails"
timeout 60 offshoot run --platform xen --name late -- /bin/busybox true >/tmp/late.log 2>&1
status=$?
cat /tmp/late.log
[ "$status" != 0 ] || fail "a second family begins without memory"
[ "$(wc -l </tmp/late.log)" = 1 ] || fail "a second family does not say in one line what is wrong"
kill -0 "$family" || fail "the family is gone"
exec 3>&-
wait "$hog"
rm -f /tmp/hog /tmp/hog.log /tmp/late.log
goes_on "when there is memory again"
said wrong && fail "the work is wrong"
said 'kernel crashed' && fail "a kernel crashed for want of memory"
[ "$(grep -c 'no memory left for another member' "$log")" -le 5 ] || fail "the want of memory is told again and again"
said panicked && fail "something panicked"
grep -v '^round' "$log" | sort | uniq -c | sort -rn | head -n 5
stop
