#!/usr/bin/env bash
# Starts on loopback what docker-compose.yml describes, from the same files of deploy/: PostgreSQL, two instances behind HAProxy, the sandbox
# and Prometheus, as Debian has them. Under a steady load one instance is ended, one is killed, and both are restarted in turn; then the
# database is restored from a backup. What was seen is printed, and what should not have been seen ends it with 1.
#
# usage: topology.sh BILLFOLD
# Ends what it starts, by its number, in two minutes at most.
set -euo pipefail
binary=$(realpath "${1:?usage: topology.sh BILLFOLD}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
here=$PWD
for variable in ${!BILLFOLD_@} ${!PG@}; do unset "$variable"; done

began=$SECONDS
work=$(mktemp -d)
chmod 755 "$work"
declare -A process=()
stop() {
    local name
    # PostgreSQL is asked to end, so that no process of its own stays; everything else goes at once.
    for name in "${!process[@]}"; do
        case $name in
        postgres*) kill -INT "${process[$name]}" 2>/dev/null || true ;;
        *) kill -KILL "${process[$name]}" 2>/dev/null || true ;;
        esac
    done
    for name in "${!process[@]}"; do wait "${process[$name]}" 2>/dev/null || true; done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 143' TERM INT

fail() {
    local log
    echo "-- $1"
    for log in "$work"/logs/*; do
        echo "-- the last lines of ${log##*/}:"
        tail -n 8 "$log" | cut -c 1-300
    done
    exit 1
}
tell() { printf '%-28s %s\n' "$1" "$2"; }
# until_true WHAT COMMAND...: for twenty seconds at most.
until_true() {
    local what=$1 end=$((SECONDS + 20))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -gt "$end" ]; then fail "$what: not within 20 s"; fi
        sleep 0.1
    done
}
# Ports that are free now, and all different. Below those that the system gives to clients by itself, so that none of them is taken meanwhile.
read -r -a ports < <(python3 - <<'PYTHON'
import random, socket
held = []
while len(held) < 12:
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randrange(15000, 32000)))
    except OSError:
        continue
    held.append(s)
print(*(s.getsockname()[1] for s in held))
PYTHON
)
postgres_port=${ports[0]} restored_port=${ports[1]} proxy_port=${ports[2]} proxy_metrics_port=${ports[3]}
sandbox_port=${ports[4]} prometheus_port=${ports[5]}
declare -A port=([one]=${ports[6]} [two]=${ports[7]} [restored]=${ports[8]})
declare -A metrics_port=([one]=${ports[9]} [two]=${ports[10]})
api=http://127.0.0.1:$proxy_port
sandbox=http://127.0.0.1:$sandbox_port
# As it is elsewhere than on this machine: over TLS, by a certificate of its own.
sandbox_over_tls=127.0.0.1:${ports[11]}
mkdir "$work/logs" "$work/serve" "$work/migrate"

# run NAME COMMAND...: in the background, under this name.
run() {
    local name=$1
    shift
    "$@" >>"$work/logs/$name" 2>&1 </dev/null &
    process[$name]=$!
}
program() { # program NAME: where it is; Debian has some where only administrators look
    command -v "$1" || { [ -x "/usr/sbin/$1" ] && echo "/usr/sbin/$1"; } || fail "$1 is missing: .ci/install.sh brings it"
}

# --- Secrets and PostgreSQL

DATABASE_ADDRESS=127.0.0.1:$postgres_port deploy/secrets.sh "$work/secrets" >/dev/null
# All of this is one user's.
chmod 600 "$work/secrets/master-keys"
cp "$work/secrets/serve.env" "$work/serve/.env"
cp "$work/secrets/migrate.env" "$work/migrate/.env"
programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
if [ ! -x "$programs/initdb" ]; then programs=$(dirname "$(command -v initdb)"); fi
# PostgreSQL works for no superuser of the machine.
as=()
if [ "$(id -u)" -eq 0 ]; then as=(setpriv --reuid postgres --regid postgres --clear-groups); fi
start_postgres() { # start_postgres NAME PORT: an empty server, with the two roles and the database
    local data=$work/$1
    mkdir "$data"
    cp "$work/secrets/superuser-password" "$data/password"
    if [ "${#as[@]}" -gt 0 ]; then chown -R postgres "$data"; fi
    "${as[@]}" "$programs/initdb" --auth=scram-sha-256 --username=postgres --pwfile="$data/password" --no-sync "$data/data" \
        >"$work/logs/$1" 2>&1 || fail 'initdb failed'
    run "$1" "${as[@]}" "$programs/postgres" -D "$data/data" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off
    until_true PostgreSQL "$programs/pg_isready" -h 127.0.0.1 -p "$2"
    PGPORT=$2 SECRETS=$work/secrets deploy/postgres/roles.sh
}
export PGHOST=127.0.0.1 PGUSER=postgres PGPASSWORD PGPORT=$postgres_port
PGPASSWORD=$(cat "$work/secrets/superuser-password")
start_postgres postgres "$postgres_port"
export BILLFOLD_MASTER_KEY_FILE=$work/secrets/master-keys
export BILLFOLD_STRIPE_API_BASE=https://$sandbox_over_tls
export BILLFOLD_ISSUERS=https://issuer.example=$work/secrets/issuer-keys.json
export BILLFOLD_LOG_FORMAT=json
# One caller asks for everything here.
export BILLFOLD_RATE_LIMIT_PROJECT_READS=0 BILLFOLD_RATE_LIMIT_PROJECT_WRITES=0 BILLFOLD_STRIPE_RATE_TEST=0
mkdir "$work/authorities"
cp "$work/secrets/sandbox-authority.pem" "$work/authorities/"
export SSL_CERT_DIR=/etc/ssl/certs:$work/authorities
# In the directory whose .env it is to read, as in the container.
migrate() (cd "$work/migrate" && "$binary" migrate --application-role billfold)
billfold() (cd "$work/serve" && "$binary" "$@")
migrate >"$work/logs/migrate" 2>&1 || fail 'billfold migrate failed'

# --- The sandbox, the instances, HAProxy, Prometheus

run sandbox "$binary" sandbox --listen "127.0.0.1:$sandbox_port"
start_instance() { # start_instance NAME: and waits until it is ready
    local listen=127.0.0.1:${port[$1]} more=()
    if [ -n "${metrics_port[$1]:-}" ]; then more=(--metrics-listen "127.0.0.1:${metrics_port[$1]}"); fi
    cd "$work/serve"
    run "$1" "$binary" serve --listen "$listen" "${more[@]}"
    cd "$here"
    "$binary" health --listen "$listen" --wait 20 >/dev/null 2>&1 || fail "the instance $1 is not ready within 20 s"
}
# end_instance NAME: as a service manager does, and says how long it took.
end_instance() {
    local status=0 asked=${EPOCHREALTIME/./}
    kill -TERM "${process[$1]}"
    wait "${process[$1]}" || status=$?
    unset "process[$1]"
    if [ "$status" -ne 0 ]; then fail "the instance $1 ends with $status"; fi
    ended_in=$(((${EPOCHREALTIME/./} - asked) / 1000))
}
"$binary" health --listen "127.0.0.1:$sandbox_port" --path /_sandbox/faults --wait 20 >/dev/null || fail 'the sandbox does not answer'
SANDBOX_LISTEN=$sandbox_over_tls SANDBOX_ADDRESS=127.0.0.1:$sandbox_port SANDBOX_CERTIFICATE=$work/secrets/sandbox.pem \
    run sandbox-proxy "$(program haproxy)" -db -f deploy/sandbox.cfg
start_instance one
start_instance two
export PROXY_LISTEN=127.0.0.1:$proxy_port PROXY_METRICS_LISTEN=127.0.0.1:$proxy_metrics_port
export INSTANCE_ONE=127.0.0.1:${port[one]} INSTANCE_TWO=127.0.0.1:${port[two]}
run haproxy "$(program haproxy)" -db -f deploy/haproxy.cfg
# of_proxy METRIC LABELS: what HAProxy tells of an instance.
of_proxy() { curl -s --max-time 5 "http://$PROXY_METRICS_LISTEN/metrics" | awk -v name="haproxy_server_$1{proxy=\"instances\",$2}" '$1 == name { print $2 }'; }
is_up() { [ "$(of_proxy status "server=\"$1\",state=\"UP\"")" = 1 ]; }
until_true 'HAProxy' is_up one
until_true 'HAProxy' is_up two

mkdir -p "$work/prometheus/targets" "$work/series"
cp deploy/prometheus/prometheus.yml deploy/prometheus/alerts.yml "$work/prometheus/"
printf -- '- targets: ["127.0.0.1:%d", "127.0.0.1:%d"]\n' "${metrics_port[one]}" "${metrics_port[two]}" >"$work/prometheus/targets/billfold.yml"
printf -- '- targets: ["%s"]\n' "$PROXY_METRICS_LISTEN" >"$work/prometheus/targets/haproxy.yml"
run prometheus "$(program prometheus)" --config.file="$work/prometheus/prometheus.yml" --storage.tsdb.path="$work/series" \
    --web.listen-address="127.0.0.1:$prometheus_port" --log.level=warn

# --- A project, its key, its webhooks

stripe_key=sk_test_topology_$RANDOM$RANDOM
stripe() { # stripe METHOD PATH DATA...: as the tenant does, at Stripe
    local method=$1 path=$2 data=()
    shift 2
    for field in "$@"; do data+=(--data-urlencode "$field"); done
    curl -s --fail-with-body --max-time 10 --user "$stripe_key:" --request "$method" "$sandbox$path" "${data[@]}"
}
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1; }
endpoint=$(stripe POST /v1/webhook_endpoints "url=$api/webhooks/stripe/demo" 'enabled_events[]=*')
printf '%s\n' "$stripe_key" >"$work/stripe-key"
billfold project create demo --stripe-publishable-key "pk_${stripe_key#sk_}" --stripe-secret-key-file "$work/stripe-key" \
    --stripe-webhook-secret-file - >"$work/logs/project" 2>&1 <<<"$(field secret <<<"$endpoint")" || fail 'the project was not made'
billfold api-key create --project demo --name topology >"$work/key" 2>"$work/logs/api-key" || fail 'no API key was made'
call() { # call METHOD PATH [BODY]: as the tenant's backend does, through the proxy
    curl -s --fail-with-body --max-time 10 --request "$1" "$api/projects/demo$2" --header "Authorization: Bearer $(cat "$work/key")" ${3:+--data "$3"}
}
card=$(call POST /paymentMethods '{"id":"pm_card_visa","user":"usr_first"}' | field id)
call GET "/paymentMethods/$card" | grep -q '"last4":"4242"' || fail 'what was saved through the proxy cannot be read through it'
tell 'through the proxy' 'a card was saved and read'
# Before the load: what is told of is looked at five times a second, and not more.
stripe POST "/v1/payment_methods/$card/detach" >/dev/null
answer_for() { # answer_for CARD PORT: the status alone
    curl -s -o /dev/null -w '%{http_code}' --max-time 10 "http://127.0.0.1:$2/projects/demo/paymentMethods/$1" --header "Authorization: Bearer $(cat "$work/key")"
}
sql() { psql --no-psqlrc --quiet --no-align --tuples-only --command "$1" billfold; }
# Not by asking for it, which would look at Stripe by itself.
is_gone() { [ "$(sql "select count(*) from payment_methods where id = '$card' and deleted_at is null")" = 0 ]; }
until_true 'what is detached at Stripe' is_gone
if [ "$(answer_for "$card" "$proxy_port")" != 404 ]; then fail 'a card that was detached at Stripe is still shown'; fi
tell 'by a webhook' 'the card was detached at Stripe, and is gone here'

# --- Under a load

: >"$work/saved"
traffic_begins() { # traffic_begins PHASE
    "$here/.ci/topology/traffic.py" "$api" demo "$1" "$work/saved.$1" <"$work/key" >"$work/report" 2>"$work/logs/traffic" &
    process[traffic]=$!
}
reported() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/report" "$1"; }
# traffic_ends WHAT ALLOWED: how many requests may have failed; "any" where only those count that nobody repeated with success.
traffic_ends() {
    local status=0
    kill -TERM "${process[traffic]}"
    wait "${process[traffic]}" || status=$?
    unset 'process[traffic]'
    if [ "$status" -ne 0 ]; then fail "the callers end with $status"; fi
    cat "$work"/saved.* >"$work/saved"
    tell "$1" "$(reported requests) requests, $(reported saved) cards saved, $(reported failed) failed $(reported of), longest $(reported longest_ms) ms$3"
    if [ "$(reported given_up)" != '[]' ]; then fail "never answered: $(reported given_up)"; fi
    if [ "$(reported saved)" -lt 5 ]; then fail 'there was no load worth the name'; fi
    if [ "$2" != any ] && [ "$(reported failed)" -gt "$2" ]; then fail "more than $2 requests failed"; fi
}
answered() { of_proxy http_responses_total "server=\"$1\",code=\"2xx\""; }
before_one=$(answered one) before_two=$(answered two)
traffic_begins steady
sleep 3
traffic_ends 'both instances' 0 ''
one=$(($(answered one) - before_one)) two=$(($(answered two) - before_two))
tell '' "one answered $one of them and of the webhooks, two $two"
if [ "$one" -lt 50 ] || [ "$two" -lt 50 ]; then fail 'one of the instances is hardly asked'; fi

traffic_begins drain
sleep 1
end_instance one
sleep 1
traffic_ends 'one is ended (SIGTERM)' 0 "; it took $ended_in ms"
start_instance one
until_true 'the instance one behind HAProxy' is_up one

# Saving takes a second, so that some are under way when it is killed: just after the eighth has begun.
curl -s --fail --max-time 5 -o /dev/null "$sandbox/_sandbox/faults" --json \
    '{"kind":"delay","path":"/v1/setup_intents","method":"POST","count":30,"milliseconds":1000}' || fail 'the sandbox takes no faults'
traffic_begins kill
are_under_way() { [ "$(curl -s --max-time 5 "$sandbox/_sandbox/faults" | sed -n 's/.*"remaining":\([0-9]*\),.*/\1/p')" -le 22 ]; }
until_true 'the saving of eight cards' are_under_way
kill -KILL "${process[two]}"
wait "${process[two]}" 2>/dev/null || true
unset 'process[two]'
sleep 2
traffic_ends 'one is killed (SIGKILL)' any '; each was repeated with success'
start_instance two
until_true 'the instance two behind HAProxy' is_up two

traffic_begins rolling
sleep 1
for name in one two; do
    end_instance "$name"
    start_instance "$name"
    until_true "the instance $name behind HAProxy" is_up "$name"
done
sleep 1
traffic_ends 'rolling restart of both' 0 ''

# --- What is left: told, recorded, and at Stripe

awk '{ print $2 }' "$work/saved" | sort >"$work/told"
sql "select id from payment_methods where project_id = 'demo' and deleted_at is null" | sort >"$work/recorded"
curl -s --max-time 20 "$sandbox/_sandbox/state?account=$stripe_key" | python3 -c 'import json, sys
for account in json.load(sys.stdin)["accounts"].values():
    for method in account["payment_methods"]:
        if method["customer"]: print(method["id"])' | sort >"$work/attached"
diff "$work/told" "$work/recorded" >"$work/logs/difference" || fail 'what callers were told and what is recorded differ (< told)'
diff "$work/told" "$work/attached" >"$work/logs/difference" || fail 'what callers were told and what is attached at Stripe differ (< told)'
tell 'told, recorded, at Stripe' "$(wc -l <"$work/told") cards, the same in all three"
webhooks=$(grep -c ' 200 .* POST /webhooks/stripe/demo ' "$work/logs/haproxy" || true)
if [ "$webhooks" -lt "$(wc -l <"$work/told")" ]; then fail "only $webhooks webhooks came through the proxy"; fi
tell 'webhooks' "$webhooks came through the proxy and were taken"

# --- Prometheus

ask_prometheus() { curl -s --fail --max-time 5 "http://127.0.0.1:$prometheus_port$1" | python3 -c "import json, sys; data = json.load(sys.stdin)['data']; $2"; }
all_are_asked() { [ "$(ask_prometheus /api/v1/targets 'print(*sorted(t["labels"]["job"] + ":" + t["health"] for t in data["activeTargets"]))')" = 'billfold:up billfold:up haproxy:up' ]; }
until_true 'each target of Prometheus' all_are_asked
rules='rules = [r for g in data["groups"] for r in g["rules"]]'
rules_work() { ask_prometheus /api/v1/rules "$rules; sys.exit(not rules or any(r['health'] != 'ok' for r in rules))"; }
until_true 'the rules of Prometheus' rules_work
tell 'Prometheus' "3 targets are up, $(ask_prometheus /api/v1/rules "$rules; print(len(rules), 'rules are evaluated, firing:', sum(r.get('state') == 'firing' for r in rules))")"

# --- Backup and restore

whole_list() { # whole_list PORT: every page of the project's cards
    local after='' page
    while true; do
        page=$(curl -s --fail-with-body --max-time 10 "http://127.0.0.1:$1/projects/demo/paymentMethods?limit=100$after" \
            --header "Authorization: Bearer $(cat "$work/key")") || return
        printf '%s\n' "$page"
        after="&after=$(sed -n 's/.*"moreItemsAfter":"\([^"]*\)".*/\1/p' <<<"$page")"
        if [ "$after" = '&after=' ]; then return; fi
    done
}
whole_list "$proxy_port" >"$work/list"
pg_dump --format=custom --file="$work/dump" billfold 2>"$work/logs/dump" || fail 'pg_dump failed'
# What the backup does not know of.
read -r user earlier <"$work/saved"
later=$(call POST /paymentMethods "{\"id\":\"pm_card_jcb\",\"user\":\"$user\"}" | field id)
call DELETE "/paymentMethods/$earlier" >/dev/null
end_instance one
end_instance two

start_postgres postgres-restored "$restored_port"
PGPORT=$restored_port pg_restore --exit-on-error --dbname=billfold "$work/dump" >"$work/logs/restore" 2>&1 || fail 'pg_restore failed'
sed -i "s/:$postgres_port/:$restored_port/" "$work/serve/.env" "$work/migrate/.env"
migrate >"$work/logs/migrate" 2>&1 || fail 'billfold migrate fails on what was restored'
export BILLFOLD_MASTER_KEY_FILE=$work/another-master-key
billfold keys generate >"$work/another-master-key"
if (cd "$work/serve" && timeout 20 "$binary" serve --listen "127.0.0.1:${port[restored]}" >"$work/logs/refused" 2>&1 </dev/null); then fail 'a foreign master key is taken'; fi
export BILLFOLD_MASTER_KEY_FILE=$work/secrets/master-keys
start_instance restored
whole_list "${port[restored]}" >"$work/restored-list"
cmp "$work/list" "$work/restored-list" || fail 'what was restored is not what was backed up'
tell 'backup and restore' "$(stat -c %s "$work/dump") bytes; the restored installation lists the same $(grep -o '"object":"paymentMethod"' "$work/restored-list" | wc -l) cards, byte for byte; another master key is refused"
billfold reconcile >"$work/logs/reconcile" 2>"$work/logs/reconcile-errors" || fail 'billfold reconcile asks for a person'
if [ "$(answer_for "$later" "${port[restored]}") $(answer_for "$earlier" "${port[restored]}")" != '200 404' ]; then fail 'billfold reconcile does not bring back what the backup lacks'; fi
tell 'then billfold reconcile' 'the card that was saved after the backup is there, the one that was deleted after it is not'
end_instance restored
tell 'in all' "$((SECONDS - began)) s"
