#!/usr/bin/env bash
# Install Chromium for the browser tests where this machine allows it; say how to get it where not.
set -u
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null && exit 0
fi
echo "Chromium is not installed: browser tests will be skipped. On Debian: sudo apt-get install chromium" >&2
exit 0
