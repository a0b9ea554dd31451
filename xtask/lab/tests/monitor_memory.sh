# The monitor has too little memory in dom0: one line says so, or it works; the next command finds nothing left.
. xtask/lab/tests/lib.sh
for kib in 20000 60000 200000 400000; do
    (ulimit -v $kib; timeout 60 offshoot run --platform xen --name poor -- /bin/busybox true) >"$log" 2>&1
    status=$?
    # Told apart from a crash of the command itself: that one prints a panic.
    if grep -q panicked "$log"; then fail "with $kib KiB it panics"; fi
    if [ "$status" != 0 ] && [ ! -s "$log" ]; then fail "with $kib KiB it ends with $status and says nothing"; fi
    echo "$kib KiB: status $status: $(tail -n 1 "$log")"
done
offshoot ps >/dev/null 2>&1
! xl list | grep -q poor || fail "domains are left"
