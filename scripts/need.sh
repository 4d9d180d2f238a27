# shellcheck shell=bash
# Programs that are not Rust's: looked for, and installed where that is possible. Sourced by `scripts/test` and `scripts/cluster`.

# Fails unless PROBE succeeds, after having installed the Debian packages where that is possible.
# Usage: need 'WHAT, in words' 'PROBE' PACKAGE...
need() {
    local what=$1 probe=$2 log
    shift 2
    if eval "$probe" >/dev/null 2>&1; then return; fi
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing $what: $*"
        if [ -z "${need_updated:-}" ]; then
            apt-get update -qq
            need_updated=yes
        fi
        log=$(mktemp)
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1 || cat "$log"
        rm -f "$log"
        hash -r
        if eval "$probe" >/dev/null 2>&1; then return; fi
    fi
    echo "$what is missing. Install it (Debian: apt-get install $*) and run this again." >&2
    return 1
}

need_compiler() { need "a C compiler and linker" "command -v cc" gcc libc6-dev; }
need_postgres() { need "PostgreSQL" "ls /usr/lib/postgresql/*/bin/initdb || command -v initdb" postgresql; }
need_psql() { need "psql" "command -v psql" postgresql-client; }
need_redis() { need "Redis 7" "command -v redis-server && command -v redis-cli" redis-server; }
need_haproxy() { need "HAProxy" "command -v haproxy || ls /usr/sbin/haproxy" haproxy; }
