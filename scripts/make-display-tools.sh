#!/bin/sh
# Makes a directory for `interactive.displayToolsPath`: the x11vnc of this machine, and a list-displays that asks its xdpyinfo,
# with all libraries that they need, so that they run in a container of any image.
#
# usage: scripts/make-display-tools.sh DIRECTORY
# needs: x11vnc and xdpyinfo (Debian and Ubuntu: sudo apt-get install x11vnc x11-utils)
set -eu
umask 022

# Where the worker mounts the directory in containers, and where it has its busybox there.
MOUNTED=/.taskclusterdisplays
BUSYBOX=/.taskclusterutils/busybox

[ $# -eq 1 ] || { echo 'usage: scripts/make-display-tools.sh DIRECTORY' >&2; exit 2; }
directory=$1
mkdir -p "$directory/lib" "$directory/programs"

for program in x11vnc xdpyinfo; do
  path=$(command -v "$program") || {
    echo "$program is not on PATH. Install it (Debian and Ubuntu: sudo apt-get install x11vnc x11-utils)." >&2
    exit 1
  }
  cp -L "$path" "$directory/programs/$program"
  ldd "$path" | grep -o '/[^ ]*' | sort -u | while read -r library; do cp -L "$library" "$directory/lib/"; done
done
loader=$(basename "$(ldd "$(command -v x11vnc)" | grep -o '/[^ ]*/ld-[^ ]*')")
run="$MOUNTED/lib/$loader --library-path $MOUNTED/lib $MOUNTED/programs"

# Variables of the task that would have them load its own libraries are not theirs.
cat >"$directory/x11vnc" <<END
#!$BUSYBOX sh
unset LD_PRELOAD LD_LIBRARY_PATH
exec $run/x11vnc "\$@"
END
cat >"$directory/list-displays" <<END
#!$BUSYBOX sh
unset LD_PRELOAD LD_LIBRARY_PATH
for socket in /tmp/.X11-unix/X*; do
  [ -S "\$socket" ] || continue
  display=:\${socket##*/X}
  $run/xdpyinfo -display "\$display" 2>/dev/null |
    $BUSYBOX awk -v display="\$display" '
      /^screen #/ { screen = \$2; gsub(/[^0-9]/, "", screen) }
      /^ *dimensions:/ { printf "%s.%s\\t%s\\n", display, screen, \$2 }'
done
END
chmod 755 "$directory" "$directory/x11vnc" "$directory/list-displays"
