"""CREMA-D, EmoDB, TESS, SAVEE and IEMOCAP on trees in their released formats."""

from pathlib import Path

import pytest

from ser.errors import SerError
from training.corpora import (
    Reading,
    read_crema_d,
    read_emodb,
    read_iemocap,
    read_savee,
    read_tess,
)


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def emotions(reading: Reading) -> dict[str, str | None]:
    return {clip.path.stem: clip.emotion for clip in reading.clips}


def left_out(reading: Reading) -> dict[str, str]:
    return {left.name: left.reason for left in reading.left_out}


VOTES = """"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"
"100001",6,1,0,0,3,0,"1001_DFA_HAP_XX",10,0.6,"A"
"100002",4,0,0,0,4,1,"1001_IEO_SAD_HI",9,0.44,"A:N"
"100003",0,0,9,0,0,0,"1002_TIE_FEA_LO",9,1,"F"
"200001",0,0,0,9,0,0,"1001_DFA_HAP_XX",9,1,"H"
"""


@pytest.fixture
def crema_d(tmp_path: Path) -> Path:
    names = ("1001_DFA_HAP_XX", "1001_IEO_SAD_HI", "1001_TSI_NEU_XX", "readme_file")
    touch(*(tmp_path / "AudioWAV" / f"{name}.wav" for name in names))
    table = tmp_path / "processedResults" / "tabulatedVotes.csv"
    table.parent.mkdir()
    table.write_text(VOTES)
    return tmp_path


def test_crema_d_takes_the_intended_class_from_the_name(crema_d: Path) -> None:
    reading = read_crema_d(crema_d)
    assert emotions(reading) == {
        "1001_DFA_HAP_XX": "happy",
        "1001_IEO_SAD_HI": "sad",
        "1001_TSI_NEU_XX": "neutral",
    }
    clip = next(clip for clip in reading.clips if clip.strong)
    assert (clip.path.stem, clip.speaker, clip.text) == (
        "1001_IEO_SAD_HI",
        "1001",
        "It's eleven o'clock",
    )
    assert all(not clip.votes for clip in reading.clips)
    assert left_out(reading) == {"readme_file.wav": "name is not one of this corpus"}


def test_crema_d_perceived_takes_the_votes_of_those_who_only_heard(crema_d: Path) -> None:
    reading = read_crema_d(crema_d, labels="perceived")
    (clip,) = reading.clips
    assert clip.emotion == "angry"  # acted happy, heard as angry, seen as happy
    assert (clip.votes["angry"], clip.votes["neutral"], clip.votes["happy"]) == (6, 3, 0)
    assert left_out(reading) == {
        "1001_IEO_SAD_HI.wav": "no agreement on a class",
        "1001_TSI_NEU_XX.wav": "no row in tabulatedVotes.csv",
        "1002_TIE_FEA_LO": "no audio file",
        "readme_file.wav": "name is not one of this corpus",
    }
    kept = read_crema_d(crema_d, labels="perceived", keep_without_class=True)
    tie = next(clip for clip in kept.clips if clip.emotion is None)
    assert (tie.votes["angry"], tie.votes["neutral"], tie.votes["sad"]) == (4, 4, 1)


def test_crema_d_knows_no_other_labels(crema_d: Path) -> None:
    with pytest.raises(SerError, match="intended and perceived, not 'acted'"):
        read_crema_d(crema_d, labels="acted")


def test_emodb_is_german_and_has_no_class_for_boredom(tmp_path: Path) -> None:
    wav = tmp_path / "wav"
    touch(wav / "03a01Fa.wav", wav / "16b10Wb.wav", wav / "08a02La.wav", wav / "notes.wav")
    reading = read_emodb(tmp_path)
    assert emotions(reading) == {"03a01Fa": "happy", "16b10Wb": "angry"}
    clip = reading.clips[0]
    assert (clip.speaker, clip.language) == ("03", "de")
    assert clip.text == "Der Lappen liegt auf dem Eisschrank."
    assert left_out(reading) == {
        "08a02La.wav": "boredom is no class here",
        "notes.wav": "name is not one of this corpus",
    }


def test_tess_reads_names_in_any_folder_and_leaves_out_copies(tmp_path: Path) -> None:
    touch(
        tmp_path / "OAF_Pleasant_surprise" / "OAF_back_ps.wav",
        tmp_path / "OAF_neutral" / "OA_bite_neutral.wav",
        tmp_path / "YAF_sad" / "YAF_back_sad.wav",
        tmp_path / "copy" / "YAF_sad" / "YAF_back_sad.wav",
    )
    reading = read_tess(tmp_path)
    assert emotions(reading) == {
        "OAF_back_ps": "surprise",
        "OA_bite_neutral": "neutral",
        "YAF_back_sad": "sad",
    }
    assert {clip.speaker for clip in reading.clips} == {"OAF", "YAF"}
    assert {clip.text for clip in reading.clips} == {"Say the word back.", "Say the word bite."}
    assert left_out(reading) == {"YAF_back_sad.wav": "stored twice"}


def test_savee_tells_sad_from_surprise_and_reads_folders_of_speakers(tmp_path: Path) -> None:
    touch(
        tmp_path / "DC_sa01.wav",
        tmp_path / "JK_su15.wav",
        tmp_path / "AudioData" / "KL" / "a03.wav",
        tmp_path / "XX_a01.wav",
    )
    reading = read_savee(tmp_path)
    assert emotions(reading) == {"DC_sa01": "sad", "JK_su15": "surprise", "a03": "angry"}
    assert {clip.speaker for clip in reading.clips} == {"DC", "JK", "KL"}
    assert left_out(reading) == {"XX_a01.wav": "name is not one of this corpus"}


TURNS = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 3.0000, 1.0000]
C-E2:\tNeutral;\t()
[10.0100 - 11.3925]\tSes01F_impro01_M001\tfru\t[1.0000, 5.0000, 5.5000]
[12.0100 - 13.3925]\tSes01F_impro01_M002\txxx\t[2.0000, 3.0000, 4.0000]
[14.0100 - 15.3925]\tSes01F_impro01_F003\texc\t[2.0000, 3.0000, 4.0000]
"""


@pytest.fixture
def iemocap(tmp_path: Path) -> Path:
    session = tmp_path / "Session1"
    for number, name in enumerate(("F000", "M001", "M002")):
        turn = f"Ses01F_impro01_{name}"
        touch(session / "sentences" / "wav" / "Ses01F_impro01" / f"{turn}.wav")
        said = session / "dialog" / "transcriptions" / "Ses01F_impro01.txt"
        said.parent.mkdir(parents=True, exist_ok=True)
        with said.open("a") as file:
            file.write(f"{turn} [006.2901-008.2357]: Sentence {number}.\n")
    table = session / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    table.parent.mkdir()
    table.write_text(TURNS)
    return tmp_path


def test_iemocap_maps_1_to_5_onto_1_to_7_and_knows_who_speaks(iemocap: Path) -> None:
    reading = read_iemocap(iemocap)
    first, second = reading.clips
    # 1 + (r - 1) * 6 / 4, in the order arousal, valence, dominance; 5.5 lies outside the scale
    assert first.attributes == pytest.approx((4.0, 3.25, 1.0))
    assert second.attributes == pytest.approx((7.0, 1.0, 7.0))
    assert (first.speaker, second.speaker) == ("01F", "01M")
    assert (first.emotion, second.emotion) == ("neutral", "other")
    assert first.text == "Sentence 0."
    assert left_out(reading) == {
        "Ses01F_impro01_M002": "no agreement on a class",
        "Ses01F_impro01_F003": "no audio file",
    }


def test_iemocap_keeps_turns_without_a_class_for_their_ratings_when_asked(iemocap: Path) -> None:
    clips = read_iemocap(iemocap, keep_without_class=True).clips
    assert [clip.emotion for clip in clips] == ["neutral", "other", None]
    assert clips[2].attributes == pytest.approx((4.0, 2.5, 5.5))
