# A member whose kernel lies: another family, dom0 and the liar's monitor go on.
. xtask/lab/tests/lib.sh
start honest -- /bin/busybox sh -c 'n=0; while :; do echo a | cat >/dev/null && n=$((n + 1)) && echo "round $n"; sleep 0.5; done'
within 60 more_rounds 0 || fail "the honest family does not start"
mkdir -p /tmp/hostile
cp /lab/bin/offshoot /tmp/hostile/offshoot
cp /lab/bin/offshoot-kernel-hostile /tmp/hostile/offshoot-kernel-xen
# A family that looks at the pages of libc that the liar has too.
offshoot run --platform xen --name reader -- /lab/bin/offshoot-lab-maps /lib/x86_64-linux-gnu/libc.so.6 >/tmp/hostile/reader 2>&1 &
reader=$!
read_on() { [ "$(grep -c round /tmp/hostile/reader)" -gt "$1" ]; }
within 60 read_on 1 || fail "the reading family does not start"
timeout 240 /tmp/hostile/offshoot run --platform xen --name liar -- /bin/busybox true >/tmp/hostile/log 2>&1
status=$?
cut -c1-200 /tmp/hostile/log | tail -n 5
[ "$status" -lt 124 ] || [ "$status" -gt 125 ] || fail "the liar's monitor ended with $status"
grep -q "100000 lies" /tmp/hostile/log || fail "the liar did not come to its end"
grep -q "only read stayed as it was" /tmp/hostile/log || fail "a page was changed that is only read"
grep -q "a page of libc stayed as it was" /tmp/hostile/log || fail "a page of libc was changed, or given for writing"
grep -q "its own code stayed as it was" /tmp/hostile/log || fail "a kernel has changed its own code"
if grep -q panicked /tmp/hostile/log; then fail "the liar's monitor panicked"; fi
within 60 read_on "$(grep -c round /tmp/hostile/reader)" || fail "the reading family does not go on"
if grep -v round /tmp/hostile/reader; then fail "the reading family saw something else than libc"; fi
kill -TERM $reader
wait $reader
rm -rf /tmp/hostile
goes_on "beside a liar"
stop
