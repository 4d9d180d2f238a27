# Owns one PostgreSQL cluster in directory $2, of the programs in $1, on the first of the ports $3... that is free.
# Prints "ready PORT", lives until standard input closes, then stops the cluster and removes the directory.
set -eu
bin=$1 dir=$2
shift 2

# shellcheck disable=SC2317 # called by the trap
finish() {
    # Nothing in it is wanted afterwards, so no time is spent on an orderly shutdown.
    "$bin/pg_ctl" stop -D "$dir/data" -m immediate -w -t 30 >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE

# Collation by language, as most installations have it: the order of text then differs from SQLite's order by bytes,
# and a query that relies on either shows itself.
icu=
if "$bin/initdb" --help | grep -q icu-locale; then icu='--locale-provider=icu --icu-locale=en-US'; fi
# shellcheck disable=SC2086
if ! "$bin/initdb" -D "$dir/data" -U deskwire -A trust -E UTF8 --locale=C.UTF-8 $icu --no-sync \
    >"$dir/initdb.log" 2>&1; then
    cat "$dir/initdb.log"
    exit 1
fi

# Durability stays as installed (fsync, synchronous_commit and full_page_writes on): it is part of what is tested.
for port in "$@"; do
    : >"$dir/log"
    if "$bin/pg_ctl" start -D "$dir/data" -w -t 60 -l "$dir/log" -o "-p $port -k $dir \
        -c listen_addresses=127.0.0.1 -c max_connections=200 -c timezone=UTC" >/dev/null 2>&1; then
        echo "ready $port"
        cat >/dev/null
        exit 0
    fi
    # Another process may have taken the port since it was found free; any other reason is final.
    grep -q 'Address already in use' "$dir/log" || break
done
cat "$dir/log"
exit 1
