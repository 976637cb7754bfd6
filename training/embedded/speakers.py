"""Which speakers train, which tune, and which are kept from both."""

from collections.abc import Sequence

from training.corpora import Clip

HELD_OUT = {"ravdess": ("17", "18", "19", "20"), "nemo": ("KD0", "WR0")}
TUNING = {"ravdess": ("15", "16"), "nemo": ()}
IESC_FOLDS, IESC_HELD_OUT_FOLD, IESC_TUNING_FOLD = 5, 4, 1


def split_of(clips: Sequence[Clip]) -> list[str]:
    """`train`, `tune` or `held_out` for each clip, by its speaker.

    IESC's known users are dealt out in the order of their hashes; its unknown users train only,
    as nobody can say whether they are among the known ones.
    """
    users = sorted({c.speaker for c in clips if c.corpus == "iesc" and c.speaker != "unknown"})
    fold = {user: index % IESC_FOLDS for index, user in enumerate(users)}
    return [_split(clip, fold) for clip in clips]


def _split(clip: Clip, iesc_fold: dict[str, int]) -> str:
    if clip.corpus == "iesc":
        number = iesc_fold.get(clip.speaker)
        return {IESC_HELD_OUT_FOLD: "held_out", IESC_TUNING_FOLD: "tune"}.get(number or 0, "train")
    if clip.speaker in HELD_OUT[clip.corpus]:
        return "held_out"
    return "tune" if clip.speaker in TUNING[clip.corpus] else "train"
