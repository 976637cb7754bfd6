"""Pack a folder that can be pushed to Hugging Face Spaces as it is.

python -m assets.space FOLDER
"""

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
FILES: Final = ("app.py", "requirements.txt", "LICENSE")
FOLDERS: Final = ("ser", "assets")
_PICTURES: Final = re.compile(r"\n\|[^\n]*\|\n\|[ |:-]+\|\n\|[ |]+\|\n(?!\|)")
LEFT_OUT: Final = ("__pycache__", "screenshots", "space.py", "*.pyc", "*.pyi", ".*")


def pack(target: Path) -> list[Path]:
    """Copy what the page needs into a new or empty folder; returns the files in it."""
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty. Name a new folder.")
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy2(REPOSITORY / name, target)
    for name in FOLDERS:
        left_out = shutil.ignore_patterns(*LEFT_OUT)
        shutil.copytree(REPOSITORY / name, target / name, ignore=left_out)
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (target / "README.md").write_text(_without_dead_links(readme, target), encoding="utf-8")
    return sorted(path for path in target.rglob("*") if path.is_file())


def _without_dead_links(readme: str, target: Path) -> str:
    """Links to files that stay behind become plain words, and pictures go."""

    def link(match: re.Match[str]) -> str:
        picture, words, address = match.groups()
        if "://" in address or (target / address).is_file():
            return match[0]
        return "" if picture else words

    linked = re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", link, readme)
    return _PICTURES.sub("\n", linked)  # of the table only bars are left


def main(arguments: Sequence[str] | None = None) -> None:
    """Pack, and tell what to do next."""
    parser = argparse.ArgumentParser(description="Pack a folder for Hugging Face Spaces.")
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    folder = parser.parse_args(arguments).folder
    try:
        files = pack(folder)
    except OSError as error:
        sys.exit(str(error))
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    print(f"{folder}: {len(files)} files, {megabytes:.1f} MB")
    print(f"Next: hf upload USER/SPACE {folder} --repo-type space")


if __name__ == "__main__":
    main()
