#!/usr/bin/env bash
# Tries what the image has in it without an engine: lays its root out as the Dockerfile does, and runs the binary in a chroot there, as the
# image's user. Nothing of this machine is seen there but its loopback.
#
# usage: image.sh BILLFOLD
set -euo pipefail
binary=$(realpath "${1:?usage: image.sh BILLFOLD}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for variable in ${!BILLFOLD_@}; do unset "$variable"; done

work=$(mktemp -d)
chmod 755 "$work"
root=$work/root
processes=()
stop() {
    local process
    # By their numbers, and only those that were started here.
    for process in "${processes[@]}"; do
        kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 143' TERM INT

deploy/image-root.sh "$binary" "$root"
# What an engine and docker-compose.yml bring: names, settings, keys and a volume.
read -r sandbox_port serve_port < <(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in held))')
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
deploy/secrets.sh "$work/secrets" >/dev/null
cp "$work/secrets/master-keys" "$work/secrets/issuer-keys.json" "$root/etc/billfold/"
cat >"$root/etc/billfold/.env" <<END
BILLFOLD_DATABASE_URL=sqlite:///var/lib/billfold/billfold.db
BILLFOLD_MASTER_KEY_FILE=/etc/billfold/master-keys
BILLFOLD_ISSUERS=https://issuer.example=/etc/billfold/issuer-keys.json
BILLFOLD_STRIPE_API_BASE=http://localhost:$sandbox_port
BILLFOLD_LISTEN=127.0.0.1:$serve_port
BILLFOLD_SANDBOX_LISTEN=127.0.0.1:$sandbox_port
BILLFOLD_DRAIN_SECONDS=0
END
mkdir -p "$root/var/lib/billfold"
if [ "$(id -u)" -eq 0 ]; then
    chown 65532:65532 "$root/var/lib/billfold"
    inside=(chroot --userspec=65532:65532 "$root")
else
    inside=(unshare --map-root-user chroot "$root")
fi
# As the image's WORKDIR has it. There is no shell in there to change the directory.
inside+=(/usr/local/bin/billfold)
cp "$root/etc/billfold/.env" "$root/.env"
billfold() { env --ignore-environment "PATH=$PATH" timeout 20 "${inside[@]}" "$@"; }
fail() {
    echo "-- $1"
    tail -n 10 "$work/log"
    exit 1
}

version=$(billfold --version)
env --ignore-environment "PATH=$PATH" "${inside[@]}" sandbox >"$work/log" 2>&1 </dev/null &
processes+=("$!")
billfold health --listen "127.0.0.1:$sandbox_port" --path /_sandbox/faults --wait 10 >/dev/null || fail 'the sandbox does not answer'
billfold migrate >>"$work/log" 2>&1 || fail 'migrate failed'
# Stripe is asked by a name, so names are looked up.
billfold project create demo --stripe-publishable-key pk_test_of_the_image --stripe-secret-key-file - >>"$work/log" 2>&1 <<<sk_test_of_the_image ||
    fail 'the project was not made'
env --ignore-environment "PATH=$PATH" "${inside[@]}" serve >>"$work/log" 2>&1 </dev/null &
serve=$!
processes+=("$serve")
billfold health --wait 10 >/dev/null || fail 'the instance is not ready'
# A backup of a SQLite database while an instance works on it, as sqlite3's .backup makes it.
python3 -c 'import sqlite3, sys
source, target = (sqlite3.connect(name) for name in sys.argv[1:])
source.backup(target)' "$root/var/lib/billfold/billfold.db" "$root/var/lib/billfold/copy.db"
chown --reference="$root/var/lib/billfold" "$root/var/lib/billfold/copy.db"
billfold project show demo --database-url sqlite:///var/lib/billfold/copy.db >>"$work/log" 2>&1 || fail 'a copy of the database is none'
kill -TERM "$serve"
wait "$serve" || fail 'the instance does not end well'

echo "$version in $(du -sk --apparent-size "$root/usr" "$root/lib" "$root/lib64" "$root/etc" | awk '{ sum += $1 } END { printf "%.1f MiB", sum / 1024 }'):" \
    "$(find "$root/lib" "$root/lib64" -type f | wc -l) libraries and no shell"
