#!/usr/bin/bash
# Pipelines of several members, their statuses, and an early end of the reader.
seq 1 1000 | awk '{ s += $1 } END { print s }'
seq 1 100000 | sort -rn | head -n 3
yes | head -n 2
(exit 3) | (exit 0) | (exit 5)
echo "${PIPESTATUS[@]}"
set -o pipefail
false | true
echo "$?"
set +o pipefail
# Ten stages, one of them a loop in the shell itself.
seq 20 | cat | cat | cat | cat | while read -r n; do echo $((n * n)); done | cat | cat | tail -n 1 | cat
# More data than a pipe holds, both ways.
head -c 1000000 /dev/zero | tr '\0' x | tee >(wc -c >/tmp/count) | wc -c
while [ ! -s /tmp/count ]; do sleep 0.01; done
cat /tmp/count
# A writer whose reader is gone is killed by SIGPIPE.
bash -c 'trap "" TERM; yes' | true
echo "${PIPESTATUS[0]}"
! true
echo "$?"
echo lost >&2 | cat
{ echo out; echo err >&2; } 2>&1 | sort
echo one |& cat
