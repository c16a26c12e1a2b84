"""The launcher program, called from an event loop."""

import asyncio
import json
import os
import shutil
import sys


class LauncherError(RuntimeError):
    """A launcher command that failed: what it said, and its exit code (see the launcher's docs/json.md)."""

    def __init__(self, text, exit_code=None):
        super().__init__(text)
        self.exit_code = exit_code


class Command:
    """Calls `launcher`: the program that is named, else TRIREME_LAUNCHER, else the one on PATH."""

    def __init__(self, program=None):
        wanted = program or os.environ.get("TRIREME_LAUNCHER") or "launcher"
        self.program = shutil.which(wanted)
        if self.program is None:
            raise LauncherError(
                f"there is no program {wanted!r}: put Trireme's launcher on PATH, or name it with launcher= or "
                "the environment variable TRIREME_LAUNCHER"
            )

    async def call(self, verb, *arguments):
        """Its standard output. Raises LauncherError where it exits with a code other than 0."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            verb,
            *arguments,
            env={"TRIREME_DASK_PYTHON": sys.executable, **os.environ},  # graphs are opened by this Python too
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        if process.returncode != 0:
            said = errors.decode(errors="replace").strip() or "it did not say why"
            raise LauncherError(f"launcher {verb} failed: {said}", process.returncode)
        return output.decode(errors="replace")

    async def call_for_json(self, verb, *arguments):
        output = await self.call(verb, "--json", *arguments)
        try:
            return json.loads(output)
        except ValueError as error:
            raise LauncherError(f"launcher {verb} --json printed no JSON: {output[:200]!r}") from error
