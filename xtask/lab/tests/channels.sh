# More peers, one after the other, than a domain may have event channels (1023): nobody is left asleep.
. xtask/lab/tests/lib.sh
timeout 500 offshoot run --platform xen --name popular -- /lab/bin/offshoot-lab-tries peers 1100 >"$log" 2>&1
grep -qx '1100 peers' "$log" || fail "it does not come to its end"
