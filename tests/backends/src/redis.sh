# Owns one Redis server, of the program $1 with the client $2, in directory $3, as a cluster of one if $4 is yes, on the
# first of the ports in $5 that is free, with the further arguments $6... Prints "ready PORT", lives until standard input closes, then kills the server and
# removes the directory.
set -eu
server=$1 cli=$2 dir=$3 cluster=$4 ports=$5
shift 5

pid=
# shellcheck disable=SC2317 # called by the trap
finish() {
    # As a crash would end it: nothing in it is wanted afterwards.
    if [ -n "$pid" ]; then
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE

for port in $ports; do
    : >"$dir/log"
    "$server" --bind 127.0.0.1 --port "$port" --dir "$dir" --save '' --appendonly no --cluster-enabled "$cluster" \
        --daemonize no "$@" >"$dir/log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        if [ "$("$cli" -p "$port" ping 2>/dev/null)" = PONG ]; then
            if [ "$cluster" = yes ]; then
                "$cli" -p "$port" cluster addslotsrange 0 16383 >/dev/null
                until "$cli" -p "$port" cluster info | grep -q cluster_state:ok; do sleep 0.05; done
            fi
            echo "ready $port"
            cat >/dev/null
            exit 0
        fi
        sleep 0.02
    done
    pid=
    # Another process may have taken the port since it was found free; any other reason is final.
    grep -q 'Address already in use' "$dir/log" || break
done
cat "$dir/log"
exit 1
