#!/bin/bash
# PRIO=n prio.sh command...: runs it in its own session with autogroup nice n
exec setsid bash -c 'echo '"${PRIO:-10}"' > /proc/self/autogroup; exec nice -n '"${PRIO:-10}"' "$@"' -- "$@"
