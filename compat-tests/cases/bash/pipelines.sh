# Pipelines: data, order, statuses, pipefail, PIPESTATUS, early ends. Bash manual 3.2.3 "Pipelines".
seq 1 1000 | grep 7 | sort -rn | head -5
printf '%s\n' one two three | while read -r word; do echo "<$word>"; done
false | true; echo "last counts: $?"
set -o pipefail
false | true; echo "pipefail: $?"
set +o pipefail
(exit 3) | (exit 0) | (exit 5); echo "all: ${PIPESTATUS[*]}"
yes | head -3; echo "yes: ${PIPESTATUS[*]}"
! true; echo "negated: $?"
echo data | tee copy | cat - copy
{ echo out; echo err >&2; } 2>&1 | sort
echo stderr-too |& cat
seq 1 100000 | tail -1
seq 1 20000 | tr '\n' ' ' | wc -w
echo a | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat
x=before; echo inner | { read -r x; echo "in the pipe: $x"; }; echo "after: $x"
shopt -s lastpipe; echo inner | read -r x; echo "lastpipe: $x"
head -c 1000000 /dev/zero | md5sum
head -c 3000000 /dev/zero | dd bs=4096 2>/dev/null | wc -c
sort <<< $'b\na\nc' | paste -sd, -
