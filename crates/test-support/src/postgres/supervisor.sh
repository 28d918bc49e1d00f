# Stops a test server once no process uses it, and removes its directory.
# Arguments: the directory, the seconds without a user after which the server stops, the most seconds it may run.
directory=$1
idle_limit=$2
age_limit=$3

trap '' HUP INT
# Asked to end, it stops the server first.
trap 'idle=$idle_limit; age=$age_limit; grace=0' TERM

cd "$directory" || exit 0

# Whether a process that uses the server is alive. A file in users/ is named <process id>.<unique>.
in_use() {
    answer=1
    for user in users/*; do
        [ -e "$user" ] || continue
        process=${user#users/}
        if kill -0 "${process%%.*}" 2>/dev/null; then
            answer=0
        else
            rm -f "$user"
        fi
    done
    return $answer
}

idle=0
age=0
grace=600
while [ -d data ] && [ "$idle" -lt "$idle_limit" ] && [ "$age" -lt "$age_limit" ]; do
    sleep 1
    age=$((age + 1))
    if in_use; then idle=0; else idle=$((idle + 1)); fi
done

# From here on nobody new comes; who came in the last moment is waited for.
rm -f accepting
while [ -d data ] && [ "$grace" -gt 0 ] && in_use; do
    sleep 1
    grace=$((grace - 1))
done

if read -r postmaster <data/postmaster.pid; then
    kill -QUIT "$postmaster"
    # It may have been frozen by a test.
    kill -CONT "$postmaster"
    patience=10
    while [ -e data/postmaster.pid ] && [ "$patience" -gt 0 ]; do
        sleep 1
        patience=$((patience - 1))
    done
    if [ -e data/postmaster.pid ]; then kill -KILL "$postmaster"; fi
fi
cd /
rm -rf "$directory"
