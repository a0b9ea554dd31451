#!/usr/bin/bash
# 200 children at once, each with its own result.
dir=$(mktemp -d)
for i in $(seq 200); do
    (sleep 0.2; echo "$i" >"$dir/$i"; exit $((i % 7))) &
    pids+=("$!")
done
echo "${#pids[@]} started"
sum=0
for i in "${!pids[@]}"; do
    wait "${pids[i]}"
    [ $? -eq $(((i + 1) % 7)) ] && sum=$((sum + 1))
done
echo "$sum with the right status"
ls "$dir" | wc -l
cat "$dir"/* | sort -n | md5sum
printf '%s\n' "${pids[@]}" | sort -u | wc -l
# And 200 programs, one after another, from one shell.
for i in $(seq 200); do /usr/bin/true || echo "failed at $i"; done
# Eight at a time.
seq 64 | xargs -P 8 -I{} bash -c 'echo $(({} * 3))' | sort -n | md5sum
