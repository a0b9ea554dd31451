#!/usr/bin/bash
# Process substitution, for reading and for writing, and FIFOs.
diff <(seq 5) <(seq 2 6)
echo "$?"
paste -d, <(seq 3) <(seq 4 6) <(seq 7 9)
while read -r line; do last=$line; done < <(seq 100)
echo "$last"
seq 5 | tee >(awk '{ s += $1 } END { print s > "/tmp/sum" }') >/dev/null
while [ ! -s /tmp/sum ]; do sleep 0.01; done
cat /tmp/sum
sort -m <(seq 1 2 9) <(seq 2 2 8) | paste -sd' '
mkfifo /tmp/fifo
seq 3 >/tmp/fifo &
cat /tmp/fifo
wait
exec 5<> /tmp/fifo
echo through >&5
read -r word <&5
echo "$word"
exec 5>&-
coproc double { while read -r n; do echo $((n * 2)); done; }
id=$double_PID
echo 21 >&"${double[1]}"
read -r answer <&"${double[0]}"
echo "$answer"
exec {double[1]}>&-
wait "$id"
echo "$?"
