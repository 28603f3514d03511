"""Front ends that do one thing differently from the program that they call: the comparison must flag each."""

# NAME: the cases of command lines that tell it, and the body of a shell script in which $REAL is the program.
BODIES = {
    "drops the blank at the end of a line": ("action-info-plain",
        'set -o pipefail; case " $* " in *" -i "*|*" --info "*) "$REAL" "$@" | sed "s/ \\$//"; exit;; esac; exec "$REAL" "$@"'),
    "ends with 125 where schroot ends with 1": ("action-info-unknown",
        '"$REAL" "$@"; s=$?; [ $s = 1 ] && s=125; exit $s'),
    "tells the signal by the status": ("status-signal-13",
        'exec 4>&1; e=$("$REAL" "$@" 2>&1 >&4 4>&-); s=$?; [ -z "$e" ] || printf "%s\\n" "$e" >&2; '
        'case $e in *"terminated by signal"*) s=137;; esac; exit $s'),
    "keeps the first line of its errors to itself": ("action-begin-unknown",
        '{ "$REAL" "$@" 2>&1 >&3 3>&- | sed 1d >&2; exit "${PIPESTATUS[0]}"; } 3>&1'),
    "sorts lists the other way": ("action-list-none",
        'set -o pipefail; case " $* " in *" -l "*|*" --list "*) "$REAL" "$@" | sort -r; exit;; esac; exec "$REAL" "$@"'),
    "ends the id of a new session without an end of line": ("action-begin-bare-name",
        'case " $* " in *" -b "*) s=$("$REAL" "$@") || exit; printf %s "$s"; exit;; esac; exec "$REAL" "$@"'),
    "gives the command no standard input": ("stream-in",
        'exec "$REAL" "$@" </dev/null'),
    "has an umask of its own": ("probe-umasks",
        'umask 077; exec "$REAL" "$@"'),
    "hands on one variable too few": ("environment-plain-chroot",
        'unset TERM; exec "$REAL" "$@"'),
    "is quiet": ("status-signal-9",
        'exec "$REAL" -q "$@"'),
    "stands in another folder": ("folder-command-only-outside",
        'cd /tmp || exit; exec "$REAL" "$@"'),
    "takes a source for a chroot": ("action-info-source",
        'a=(); for w; do a+=("${w/#source:/chroot:}"); done; exec "$REAL" "${a[@]}"'),
    "has one mount less for root": ("probe-usual-root",
        'case " $* " in *" -b "*|*" -i "*|*" -l "*|*" -r "*|*" -e "*|*" --"[a-z]*) ;; *) '
        '[ "$(id -u)" = 0 ] && exec "$REAL" -o setup.fstab=lone/fstab "$@";; esac; exec "$REAL" "$@"'),
    "says errors on standard output": ("action-begin-unknown",
        'exec "$REAL" "$@" 2>&1'),
    "ends every session": ("session-end-several",
        'case " $* " in *" -e "*) "$REAL" -q -e --all-sessions; exit;; esac; exec "$REAL" "$@"'),
    "leaves its command alone when it is ended": ("signal-client-TERM",
        '"$REAL" "$@" & trap "exit 0" TERM; wait $!'),
}


def script(name, real):
    return f"#!/bin/bash\nREAL={real}\n{BODIES[name][1]}\n"
