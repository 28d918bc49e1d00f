#!/usr/bin/env bash
# Lays out the root of the image: the binary, the libraries that it loads, the system's certificate authorities, a user of its own
# and how names are looked up. Names, hosts and DNS are looked up by glibc itself, since 2.34.
#
# usage: image-root.sh BINARY DIRECTORY
set -euo pipefail
binary=${1:?usage: image-root.sh BINARY DIRECTORY}
root=${2:?usage: image-root.sh BINARY DIRECTORY}
if [ -e "$root" ]; then
    echo "$root is there already" >&2
    exit 1
fi

install -D --mode=755 "$binary" "$root/usr/local/bin/billfold"
# What stands in a line of ldd is either "name => path (address)" or, for the loader, "path (address)".
libraries=$(ldd "$binary" | awk '$3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }')
if [ -z "$libraries" ] || ldd "$binary" | grep -q 'not found'; then
    echo "the libraries of $binary are not all here" >&2
    exit 1
fi
for library in $libraries; do
    install -D --mode=755 "$library" "$root$library"
done
# One file, which is where the system's authorities are looked for.
install -D --mode=644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/:/sbin/nologin\nbillfold:x:65532:65532:billfold:/etc/billfold:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nbillfold:x:65532:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
# Where a file .env, the master keys and the issuers' keys are mounted.
install -d --mode=755 "$root/etc/billfold"
install -d --mode=1777 "$root/tmp"
chmod 755 "$root"
