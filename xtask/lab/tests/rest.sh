# Members that rest give memory back, and whatever wakes them, they go on with all that they had.
. xtask/lab/tests/lib.sh
free() { xl info free_memory; }
start rest -- /lab/bin/offshoot-lab-rests 6
within 60 said '^asleep' || fail "they do not fall asleep"
busy=$(free)
gave_back() { [ "$(free)" -ge $((busy + 5)) ]; }
within 10 gave_back || fail "members that rest give nothing back"
echo "they gave back $(($(free) - busy)) MiB"
within 60 said '^all woke' || fail "not all woke"
wait "$family" || fail "it ended with $?"
family=
[ "$(wc -l <"$log")" = 2 ] || fail "more is said than that"
