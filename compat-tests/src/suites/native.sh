# Runs a command in a throw-away layer over a suite's file system, as the first program of namespaces of its own, so
# that nothing that it does or leaves reaches the machine. Arguments: root, suite's data, output folder, an empty
# folder for the layer, working directory, and the command. Root's rights over the machine itself, such as setting its
# clock, are given up: namespaces do not hold them.
set -e
root=$1 suite=$2 out=$3 layer=$4 dir=$5
shift 5
mount -t tmpfs -o mode=755 tmpfs "$layer"
mkdir "$layer/upper" "$layer/work" "$layer/root"
mount -t overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" overlay "$layer/root"
m=$layer/root
mount -t proc proc "$m/proc"
mount --rbind /dev "$m/dev"
mount -t tmpfs -o mode=1777 tmpfs "$m/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$m/dev/pts"
mount --bind "$m/dev/pts/ptmx" "$m/dev/ptmx"
mount --rbind /sys "$m/sys"
mount --bind "$suite" "$m/suite"
mount --bind "$out" "$m/out"
status=0
lost=-sys_time,-sys_boot,-sys_module,-sys_rawio,-syslog
setpriv --bounding-set "$lost" --inh-caps "$lost" chroot "$m" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$dir" "$@" || status=$?
exit "$status"
