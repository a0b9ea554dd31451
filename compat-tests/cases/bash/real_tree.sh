# `find | xargs | sort | uniq -c` over a real tree, which is the same natively and hosted. POSIX utilities.
# timeout: 120
find /usr/include -name '*.h' | sed 's|.*/||; s|\(.\).*|\1|' | sort | uniq -c | sort -k1,1nr -k2 | head -5
find /usr/share/doc -maxdepth 1 -type d | wc -l
find /usr/include -type f -size -4k -print0 | sort -z | head -z -n 200 | xargs -0 cat | sort | uniq -c | sort -k1,1nr -k2 | head -3
find /etc -maxdepth 1 -name '*.conf' -print0 2>/dev/null | xargs -0 -n 1 -P 4 sh -c 'wc -c < "$0"' | sort -n | tail -1
find /usr/bin -maxdepth 1 -name 'g*' -exec basename {} \; | sort | head -10
find /usr/include -name 'std*.h' -exec grep -l define {} + | sort | md5sum
grep -rl 'PATH_MAX' /usr/include/linux | sort | head -3
mkdir -p tree/{a,b,c}/{1,2,3}; for d in tree/*/*; do echo "$d" > "$d/file"; ln -s file "$d/link"; done
find tree | sort
find tree -type l -delete; find tree -name file | xargs cat | sort -r | head -2
tar cf - tree | tar tf - | wc -l
cp -r tree copy; diff -r tree copy && echo "the copy is the same"
rm -rf copy/a; mv copy moved; du -a moved | wc -l
ls -R moved | md5sum
