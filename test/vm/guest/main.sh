# Second half of the guest's boot, process 1 in its final root: runs the job, reports, powers off.
#
# Run by busybox, whose applets start at once; the job itself sees the host's programs. The status goes to the
# share, with the nonce of this boot: words on the console prove nothing. Whatever goes wrong here ends in no
# report, which the host takes for a failure.
set -u

share=/run/guest/share
nonce=$(sed -n 's/.*guest\.nonce=\([0-9a-f]*\).*/\1/p' /proc/cmdline)
release=$(uname -r)

# Whole or not at all.
report() {
  echo "$nonce $2 $release" >"$share/$1.partial"
  mv "$share/$1.partial" "$share/$1"
}

# Output goes through a pipe, so that programs do not take the console for a terminal and redraw on it.
mkfifo /run/guest/output
cat </run/guest/output >/dev/console &
printer=$!

report started 0
setsid /bin/sh "$share/job.sh" </dev/null >/run/guest/output 2>&1
status=$?

# What the job left running may hold the pipe open: wait for the last words, not for ever.
tries=0
while kill -0 "$printer" 2>/dev/null && [ "$tries" -lt 20 ]; do
  usleep 50000
  tries=$((tries + 1))
done
# Setting nothing still waits until the serial line has sent everything.
stty -F /dev/console onlcr

report status "$status"
poweroff -f
# Powering off takes a moment; an end of process 1 in the meantime would be a panic.
sleep 3600
