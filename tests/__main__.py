"""Every check of this repository: `python -m tests [pytest's options]`.

Programs that some tests need are installed where that is possible without asking (root on Debian
or Ubuntu). Without them those tests are skipped and name what is missing.
"""

import ctypes.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PROGRAMS = ("chromium", "espeak-ng", "ffmpeg")  # each in the Debian package of its name
CHECKS = (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"])


def main() -> int:
    """Run all checks, pytest last, and return 1 when any of them failed."""
    provide()
    failed = [" ".join(check) for check in CHECKS if not passes(check)]
    if failed:
        print(f"Failed: {', '.join(failed)}. The tests follow.", file=sys.stderr, flush=True)
    tests = ["pytest", "-q", "-n", "2", "--dist", "loadfile", *sys.argv[1:]]
    return int(not passes(tests) or bool(failed))


def provide() -> None:
    """Install what is missing, or say what to install."""
    packages = [name for name in PROGRAMS if shutil.which(name) is None]
    if ctypes.util.find_library("portaudio") is None:
        packages.append("libportaudio2")
    if not packages:
        return
    if may_install() and install(packages):
        return
    print(
        f"Some tests will be skipped. Debian's packages for them: {' '.join(packages)}",
        file=sys.stderr,
    )


def may_install() -> bool:
    """Whether this is Debian or a relative of it, and root asks."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def install(packages: list[str]) -> bool:
    """Install Debian packages without questions; whether that worked."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = (["update"], ["install", "-y", "--no-install-recommends", *packages])
    return all(
        subprocess.run(["apt-get", "-q", *command], env=quiet, check=False).returncode == 0
        for command in commands
    )


def passes(check: list[str]) -> bool:
    """Run one tool of this environment in the repository."""
    # Several processes share the cores: each takes one, and its waiting threads do not spin.
    environment = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    command = [sys.executable, "-m", *check]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
