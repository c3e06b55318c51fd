#!/bin/sh
# Shows in the log that it ran, then hands over to the task's command.
echo "entrypoint: $*"
exec "$@"
