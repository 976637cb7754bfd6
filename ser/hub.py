"""Where a checkpoint's weights come from: a folder, the Hub's local cache, the Hub.

Asking the Hub for a model when it cannot be reached takes its client half a minute of retries and
warnings. So the network is asked once, briefly, and only when the files are not here yet.
"""

import json
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from huggingface_hub import constants, get_session, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from ser.errors import HubError

PATTERNS: Final = ("*.safetensors", "*.json", "*.txt", "*.md")
"""What is ever downloaded: no pickles (.bin, .pt, .ckpt), no code."""
_IGNORED: Final = ("*fp32*", "onnx/*", "openvino/*")  # the same weights again, in other forms
REACH_LIMIT_S: Final = 3.0
_FORGET_S: Final = 60.0  # how long an unreachable Hub is not asked again

_logger = logging.getLogger(__name__)
_unreachable_since: dict[str, float] = {}  # endpoint -> time.monotonic()


def local_folder(
    name: str,
    revision: str | None = None,
    *,
    allow_download: bool = True,
    patterns: Sequence[str] = PATTERNS,
    show_progress: bool = True,
) -> Path:
    """The folder with the files of `name`: itself a folder, or a Hub name, downloaded if need be.

    What is in the Hub's cache is taken without asking the network. HF_HUB_OFFLINE, HF_ENDPOINT and
    HF_HOME are respected. Raises HubError, whose text starts with the name.
    """
    if (folder := cached_folder(name, revision, patterns)) is not None:
        return folder
    if not allow_download:
        raise HubError(f"{name} is not on this machine; download it, or name a local folder.")
    require_hub(name)
    folder = _download(name, revision, patterns, show_progress)
    if not _has_weights(folder):
        raise HubError(
            f"{name} offers no config.json with weights as safetensors, and no other form is "
            "loaded; choose a repository, or with revision a version of it, that has them."
        )
    return folder


def cached_folder(
    name: str, revision: str | None = None, patterns: Sequence[str] = PATTERNS
) -> Path | None:
    """The folder where `name` lies complete on this machine; None when the Hub has to be asked.

    Touches no network. Raises HubError for a name that can be neither a folder nor a Hub name.
    """
    folder = Path(name).expanduser()
    if name and folder.is_dir():  # an empty name would be the current folder
        return folder
    try:
        cached = snapshot_download(
            name,
            revision=revision,
            local_files_only=True,
            allow_patterns=list(patterns),
            ignore_patterns=list(_IGNORED),
        )
    except HFValidationError as error:
        raise HubError(
            f"{name} is neither a folder on this machine nor a Hub name such as "
            "openai/whisper-base; check its spelling."
        ) from error
    except LocalEntryNotFoundError:  # not there, or a download broke off
        return None
    return Path(cached) if _has_weights(Path(cached)) else None


def require_hub(name: str) -> None:
    """Raise HubError, within about three seconds, when `name` cannot be had from the Hub."""
    if constants.is_offline_mode():
        raise HubError(
            f"{name} is not on this machine and HF_HUB_OFFLINE forbids to fetch it; unset that "
            "variable, or name a local folder."
        )
    if not hub_is_reachable():
        raise HubError(
            f"{name} is not on this machine and the Hugging Face Hub cannot be reached; connect "
            "to the internet once, or name a local folder."
        )


def hub_is_reachable() -> bool:
    """Whether the Hub answers. A no is remembered for a minute, so that several names ask once."""
    endpoint = constants.ENDPOINT
    since = _unreachable_since.get(endpoint)
    if since is not None and time.monotonic() - since < _FORGET_S:
        return False
    reachable = _answers(endpoint)
    if reachable:
        _unreachable_since.pop(endpoint, None)
    else:
        _unreachable_since[endpoint] = time.monotonic()
    return reachable


def _answers(endpoint: str) -> bool:
    """Whether anything but a server error comes back within the limit, name resolution included."""
    answers: list[int] = []

    def ask() -> None:
        try:
            answers.append(get_session().head(endpoint, timeout=REACH_LIMIT_S).status_code)
        except Exception as error:  # the HTTP library's kinds are not part of the Hub's interface
            _logger.debug("The Hub does not answer: %s", error)

    # A thread, because resolving a name cannot be given a time limit.
    asking = threading.Thread(target=ask, daemon=True, name="hub-reachable")
    asking.start()
    asking.join(REACH_LIMIT_S)
    return bool(answers) and answers[0] < 500


class _NoProgress(tqdm):
    """A progress bar that shows nothing."""

    def __init__(self, *args: object, **options: object) -> None:
        options.pop("name", None)  # the Hub's own bars take one
        super().__init__(*args, **{**options, "disable": True})


def _download(
    name: str, revision: str | None, patterns: Sequence[str], show_progress: bool
) -> Path:
    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=list(_IGNORED),
                tqdm_class=None if show_progress else _NoProgress,
            )
        )
    except GatedRepoError as error:
        raise HubError(
            f"{name} asks for consent to its terms; accept them on its Hub page and log in with "
            "`hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"{name} is neither on this machine nor on the Hugging Face Hub; check its spelling, "
            "or log in with `hf auth login` if it is private."
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(f"{name} has no revision {revision} on the Hub; check it.") from error
    except Exception as error:  # broken connections, full disks: many kinds of several libraries
        _logger.debug("Download failed", exc_info=True)
        raise HubError(
            f"{name} could not be downloaded ({type(error).__name__}); check the connection and "
            "the free space on the disk, then try again."
        ) from error


def _has_weights(folder: Path) -> bool:
    """Whether config and weights are there, every shard included."""
    if not (folder / "config.json").is_file():
        return False
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return all((folder / shard).is_file() for shard in shards)
    return (folder / "model.safetensors").is_file()
