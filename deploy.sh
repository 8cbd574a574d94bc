#!/usr/bin/env bash
# deploy.sh — where the Python server had it: `bash deploy.sh`. Everything is in scripts/deploy.sh.
exec bash "$(dirname "${BASH_SOURCE[0]}")/scripts/deploy.sh" "$@"
