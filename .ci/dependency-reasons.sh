#!/usr/bin/env bash
# Every direct dependency of every crate has a row with its reason in ARCHITECTURE.md, and every row is of one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo metadata --format-version 1 --no-deps --locked | python3 -c '
import json, re, sys

used = {}
for package in json.load(sys.stdin)["packages"]:
    room = "server" if package["name"] == "billfold" else package["name"].removeprefix("billfold-")
    for dependency in package["dependencies"]:
        if not dependency.get("path"):
            places = used.setdefault(dependency["name"], (set(), set()))
            places[dependency["kind"] == "dev"].add(room)

def cell(rooms):
    return ", ".join(sorted(rooms)) or "-"

text = open("ARCHITECTURE.md", encoding="utf-8").read()
table = text.split("<!-- dependencies -->")[1].split("<!-- /dependencies -->")[0]
faults, listed = [], set()
for line in table.strip().splitlines()[2:]:
    cells = [part.strip() for part in line.strip().strip("|").split("|")]
    name = cells[0].strip("`")
    if len(cells) != 4 or not re.search(r"\w{3}", cells[-1]):
        faults.append(f"this row has no reason, or not four cells: {line}")
    elif name in listed or name not in used:
        faults.append(f"{name} has two rows, or is no direct dependency: take the row out")
    elif (cells[1], cells[2]) != tuple(map(cell, used[name])):
        here, tests = map(cell, used[name])
        faults.append(f"{name}: the row must say | {here} | {tests} |, not | {cells[1]} | {cells[2]} |")
    listed.add(name)
for name in sorted(used.keys() - listed):
    here, tests = map(cell, used[name])
    faults.append(f"ARCHITECTURE.md lacks a row: | `{name}` | {here} | {tests} | why it is there |")
for fault in faults:
    print(fault)
print(f"{len(used)} direct dependencies, {len(used) - len(faults)} as they should be" if faults else
      f"each of the {len(used)} direct dependencies has its reason")
sys.exit(bool(faults))
'
