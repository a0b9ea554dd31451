# Two hundred children at once, each with its own status and file. POSIX Shell, wait.
# timeout: 120
mkdir out
for i in $(seq 1 200); do
    (echo "$i squared is $((i * i))" > "out/$i"; exit $((i % 100))) &
    pids[i]=$!
done
wrong=0
for i in $(seq 1 200); do
    wait "${pids[i]}"
    [ $? = $((i % 100)) ] || wrong=$((wrong + 1))
done
echo "wrong statuses: $wrong"
cat out/* | sort -n | md5sum
ls out | wc -l
# And two hundred that wait for one another: all alive at the same time.
mkfifo gate
exec 9<> gate
for i in $(seq 1 200); do
    (read -r -n 1 <&9; exit 0) &
done
printf '%200s' '' >&9
wait
echo "all went through the gate"
seq 1 100 | xargs -P 8 -I{} sh -c 'exit 0'; echo "xargs -P: $?"
