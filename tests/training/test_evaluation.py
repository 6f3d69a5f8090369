"""What the model card tells is measured on the right clips, and adds up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from stub_classifier import stub_classifier

from calmscore.emotions import BY_NAME, EMOTIONS
from calmscore.training import evaluation
from calmscore.training.evaluation import SECTIONS

RATE_HZ = 16_000
SPEAKERS = ("1015", "1020", "1001")


def write_clip(path: Path, *, loudness: float, seconds: float = 1.2) -> None:
    time = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, loudness * voice * (1 + np.sin(2 * np.pi * 4 * time)), RATE_HZ)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Path:
    """CREMA-D with two validation speakers and a training one, its tables, and a little SAVEE."""
    folder = tmp_path_factory.mktemp("corpora")
    votes = ["number,A,D,F,H,N,S,fileName"]
    for speaker in SPEAKERS:
        for name in EMOTIONS:
            clip = f"{speaker}_TIE_{BY_NAME[name].code}_XX"
            # The stub hears loud clips as anger and soft ones as neutral.
            loudness = 0.2 if name in ("anger", "happy") else 0.002
            write_clip(folder / "AudioWAV" / f"{clip}.wav", loudness=loudness)
            share = [6 if other == name else 1 for other in EMOTIONS]
            votes.append(f"10001,{','.join(map(str, share))},{clip}")
    # One clip that nobody agrees on, and one that nobody heard.
    votes[1] = "10001,3,3,0,0,0,0,1015_TIE_ANG_XX"
    del votes[2]
    (folder / "tabulatedVotes.csv").write_text("\n".join(votes))
    (folder / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1015,32,Male,African American,Not Hispanic\n"
        "1020,61,Female,Caucasian,Not Hispanic\n1001,51,Male,Caucasian,Not Hispanic\n"
    )
    for stem in ("DC_a01", "DC_n01", "JE_h01", "JE_su01"):
        write_clip(folder / "others" / "savee" / f"{stem}.wav", loudness=0.1)
    return folder


def run(corpora: Path, artifacts: Path, *options: str) -> int:
    where = ["--data", str(corpora / "AudioWAV"), "--artifacts", str(artifacts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "load_classifier", lambda _: stub_classifier())
        patch.setattr(evaluation, "_NON_SPEECH_SECONDS", 12.0)
        return evaluation.main([*where, *options])


@pytest.fixture(scope="module")
def artifacts(corpora, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    assert run(corpora, folder, "--other-corpora", str(corpora / "others")) == 0
    return folder


@pytest.fixture(scope="module")
def sections(artifacts) -> dict:
    return json.loads((artifacts / "evaluation.json").read_text())


def test_every_section_names_its_model_and_a_command_without_paths(sections, corpora):
    assert list(sections) == list(SECTIONS)
    for name, section in sections.items():
        assert section["model"] == {"version": "0", "sha256": "0" * 64}
        assert section["command"].startswith(
            "python -m calmscore.training.evaluation --data data/AudioWAV"
        )
        assert section["command"].endswith(f"--only {name}")
    assert str(corpora) not in json.dumps(sections)


def test_only_validation_speakers_are_measured(sections):
    overall = sections["overall"]["figures"]
    assert overall["speakers"] == ["1015", "1020"]
    assert (overall["clips"], overall["training_speakers"], overall["training_clips"]) == (12, 1, 6)


@pytest.mark.parametrize("condition", ["clean", "telephone"])
def test_confusion_and_reliability_hold_every_clip(sections, condition):
    figures = sections["overall"]["figures"][condition]
    assert np.sum(figures["confusion"]) == figures["clips"] == 12
    assert np.sum(figures["confusion"], axis=1).tolist() == [2] * 6
    assert sum(share for _, _, share in figures["reliability"]) == pytest.approx(1.0)
    low, high = figures["uar_interval"]
    assert low <= figures["uar"] <= high


def test_the_stub_is_right_on_what_it_knows(sections):
    confusion = sections["overall"]["figures"]["clean"]["confusion"]
    anger, neutral = EMOTIONS.index("anger"), EMOTIONS.index("neutral")
    for name, row in zip(EMOTIONS, confusion, strict=True):
        assert row[anger if name in ("anger", "happy") else neutral] == 2


def test_the_groups_of_each_kind_add_up_to_all_clips(sections):
    rows = sections["groups"]["figures"]
    assert [(row["kind"], row["name"]) for row in rows] == [
        ("sex", "female"), ("sex", "male"), ("age", "30–39"), ("age", "60–69"),
        ("race", "African American"), ("race", "Caucasian"),
    ]  # fmt: skip
    for kind in ("sex", "age", "race"):
        assert sum(row["clips"] for row in rows if row["kind"] == kind) == 12
    assert all(row["clean"]["clips"] == row["clips"] == 6 for row in rows)


def test_ties_and_clips_that_nobody_heard_have_no_majority(sections):
    heard = sections["listeners"]["figures"]
    assert (heard["clips"], heard["clear_clips"]) == (11, 10)
    assert heard["vote_for_intended"] == pytest.approx((0.5 + 10 * 6 / 11) / 11)
    assert heard["listeners_against_intended"]["accuracy"] == 1.0
    assert heard["model_against_vote"] == heard["model_against_intended"]
    assert heard["distance_to_votes"]["intended"] == pytest.approx((0.5 + 10 * 5 / 11) / 11)


def test_each_line_noise_and_length_has_its_row(sections):
    lines = sections["telephone_lines"]["figures"]
    assert [row["line"] for row in lines] == ["μ-law", "A-law", "GSM", "μ-law, 5% of packets lost"]
    telephone = sections["overall"]["figures"]["telephone"]
    assert all(telephone[key] == value for key, value in lines[0].items() if key != "line")
    noise = sections["noise"]["figures"]
    assert [(row["noise"], row["snr_db"]) for row in noise] == [
        ("none", None),
        *((n, snr) for n in ("white", "pink", "babble") for snr in (20.0, 10.0, 5.0, 0.0)),
    ]
    assert {row["clips"] for row in noise} == {6}
    parts = sections["partial_segments"]["figures"]
    assert [(row["seconds"], row["shortened_clips"]) for row in parts] == [
        (1.0, 12), (1.5, 0), (3.0, 0),
    ]  # fmt: skip


def test_clips_that_are_not_cut_give_the_clean_figures(sections):
    clean = sections["overall"]["figures"]["clean"]
    whole = sections["partial_segments"]["figures"][-1]
    assert whole["uar"] == clean["uar"]


def test_surprise_counts_for_valence_alone(sections):
    (row,) = sections["other_corpora"]["figures"]
    assert (row["corpus"], row["speakers"], row["clips"], row["valence_clips"]) == (
        "SAVEE",
        2,
        3,
        4,
    )
    assert row["chance"] == pytest.approx(1 / 3)
    assert set(row["recalls"]) == {"anger", "happy", "neutral"}


def test_voice_activity_detection_lets_no_made_up_sound_through(sections):
    rows = {row["sound"]: row for row in sections["non_speech"]["figures"]}
    assert "silence" in rows
    for row in rows.values():
        assert row["segments"] == 4
        assert row["let_through"] == row["let_through_telephone"] == 0.0
        assert sum(row["probabilities"].values()) == pytest.approx(1.0)


def test_one_section_measured_again_is_the_same_and_leaves_the_others(corpora, artifacts, sections):
    assert run(corpora, artifacts, "--only", "noise") == 0
    assert json.loads((artifacts / "evaluation.json").read_text()) == sections


def test_sections_of_another_model_are_dropped(corpora, tmp_path):
    old = {"noise": {"model": {"version": "0", "sha256": "1" * 64}, "figures": []}}
    (tmp_path / "evaluation.json").write_text(json.dumps(old))
    assert run(corpora, tmp_path, "--only", "groups") == 0
    assert list(json.loads((tmp_path / "evaluation.json").read_text())) == ["groups"]


def test_without_other_corpora_their_section_is_left_out(corpora, tmp_path, monkeypatch):
    for name in SECTIONS:
        monkeypatch.setitem(SECTIONS, name, lambda _: {})
    assert run(corpora, tmp_path) == 0
    measured = json.loads((tmp_path / "evaluation.json").read_text())
    assert list(measured) == [name for name in SECTIONS if name != "other_corpora"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "other_corpora"], "--other-corpora is None"),
        (["--only", "other_corpora", "--other-corpora", "{data}"], "model was trained on"),
        (["--data", "{others}"], "no clip of crema-d"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(corpora, tmp_path, capsys, options, message):
    places = {"data": corpora / "AudioWAV", "others": corpora / "others"}
    assert run(corpora, tmp_path, *(option.format(**places) for option in options)) == 3
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_missing_table_is_named(corpora, tmp_path, capsys):
    alone = tmp_path / "alone" / "AudioWAV"
    alone.mkdir(parents=True)
    for clip in (corpora / "AudioWAV").iterdir():
        (alone / clip.name).write_bytes(clip.read_bytes())
    assert run(alone.parent, tmp_path, "--only", "listeners") == 3
    assert "tabulatedVotes.csv" in capsys.readouterr().err
