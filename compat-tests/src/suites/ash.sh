# Runs one folder of ash's tests and tells of each as the other scripts of the testsuite do. Argument: the folder.
set -e
mkdir /work/ash_test
find /suite/ash_test -maxdepth 1 -type f -exec cp -t /work/ash_test {} +
cp -r "/suite/ash_test/$1" /work/ash_test
cd /work/ash_test
cp /usr/bin/busybox ash
cp /suite/config .config
sh ./run-all "$1" | while IFS= read -r line; do
    case $line in
    *": ok" | *":ok") echo "PASS: ${line%:*}" ;;
    *": fail" | *":fail")
        name=${line%:*}
        echo "FAIL: $name"
        cat "$(echo "$name" | sed 's:/:-:').fail"
        ;;
    esac
done
