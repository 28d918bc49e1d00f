#!/usr/bin/env bash
# Makes the secrets that docker-compose.yml takes, each in a file of its own, at random. What is there already is left alone.
#
# usage: secrets.sh [DIRECTORY]    # deploy/secrets, unless told
#
# The directory is its owner's alone. The files in it can be read by anyone who gets that far: in a container that is the user of
# its program, whoever that is, and a file that is mounted keeps its mode.
set -euo pipefail
directory=${1:-$(dirname "${BASH_SOURCE[0]}")/secrets}
mkdir -p "$directory"
chmod 700 "$directory"
cd "$directory"
umask 022

# make NAME COMMAND...: what the command prints becomes the file, whole or not at all.
make() {
    local name=$1
    shift
    if [ -e "$name" ]; then return; fi
    "$@" >"$name.new"
    mv "$name.new" "$name"
    echo "made $directory/$name"
}
password() { openssl rand -hex 24; }
# As `billfold keys generate` makes it.
master_key() { printf '%s:%s\n' "$(date -u +%Y%m%dT%H%M%SZ)" "$(openssl rand -base64 32)"; }
settings() { printf "%s='postgres://%s:%s@%s/billfold'\n" "$1" "$2" "$(cat "$3")" "${DATABASE_ADDRESS:-postgres:5432}"; }
key_set() { # the public half of an issuer's key, as it would publish it
    printf '{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"compose-1","x":"%s"}]}\n' \
        "$(openssl pkey -in issuer.pem -pubout -outform DER | tail -c 32 | basenc --base64url -w 0 | tr -d =)"
}

# The key and the certificate of what ends TLS before the sandbox: for the name that docker-compose.yml gives it, and for this machine.
sandbox_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=The Stripe sandbox' \
        -addext 'basicConstraints=critical,CA:FALSE' -addext 'subjectAltName=DNS:stripe,DNS:localhost,IP:127.0.0.1' -keyout - 2>/dev/null
}

make superuser-password password
make owner-password password
make application-password password
make grafana-password password
make master-keys master_key
# Files .env: what a process of its role works with, and nobody else's password.
make migrate.env settings BILLFOLD_MIGRATION_DATABASE_URL billfold_owner owner-password
make serve.env settings BILLFOLD_DATABASE_URL billfold application-password
# An issuer of tokens to try with, until BILLFOLD_ISSUERS names yours.
(umask 077; make issuer.pem openssl genpkey -algorithm ed25519)
make issuer-keys.json key_set
make sandbox.pem sandbox_certificate
make sandbox-authority.pem openssl x509 -in sandbox.pem
