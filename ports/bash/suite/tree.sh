#!/usr/bin/bash
# find, xargs, sort and uniq over a real tree.
root=/tmp/tree
for a in a b c d; do
    for b in $(seq 25); do
        mkdir -p "$root/$a/$b"
        for kind in txt log conf; do echo "$a $b $kind" >"$root/$a/$b/f.$kind"; done
    done
done
find $root -type f | wc -l
find $root -type f -print0 | xargs -0 -n 1 basename | sort | uniq -c | awk '{ print $1, $2 }'
find $root -name '*.log' | xargs cat | cut -d' ' -f1 | sort | uniq -c | sort -k2 | awk '{ print $1, $2 }'
find $root -type f -name '*.conf' -exec grep -l ' 7 ' {} + | sort
find $root -type d | sed 's|[^/]||g' | sort | uniq -c | awk '{ print $1, length($2) }'
grep -rl '^c 1[0-9] txt' $root | wc -l
find $root -type f | sort | xargs md5sum | md5sum
(cd $root && tar cf - . ) | (mkdir /tmp/copy && cd /tmp/copy && tar xf -)
diff -r $root /tmp/copy && echo same
find $root -name '*.txt' -delete
find $root -type f | wc -l
cp -r $root /tmp/again && mv /tmp/again/a /tmp/again/z && ls /tmp/again
ln -s z /tmp/again/link && readlink -f /tmp/again/link
rm -r $root /tmp/copy /tmp/again
ls /tmp
du -s --apparent-size /usr/bin/bash | awk '{ print ($1 > 1000) }'
