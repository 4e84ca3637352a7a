"""Several commands in one process, each with an output of its own: most of a command's time is spent on imports.

Standard input holds a JSON list of them: words, files for standard output and standard error, environment and standard
input of each. Standard output gets their exit statuses as JSON. Each goes through the program's own entry point.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence

from miner.cli import main


def _run(words: Sequence[str], out: str, err: str, environment: dict[str, str], said: str) -> int:
    before, sys.argv = dict(os.environ), ["miner", *words]
    os.environ.update(environment)
    sys.stdin = io.StringIO(said)
    sys.stdout.flush(), sys.stderr.flush()
    for descriptor, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    try:
        main()
    except SystemExit as ending:
        return int(ending.code or 0)
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os.environ.clear()
        os.environ.update(before)
    return 0


if __name__ == "__main__":
    commands = json.load(sys.stdin)
    answer = os.dup(1)
    statuses = [_run(**command) for command in commands]
    os.write(answer, json.dumps(statuses).encode())
