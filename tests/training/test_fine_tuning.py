import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from threads_for_processes import threads

from calmscore.emotions import EMOTIONS
from calmscore.errors import CorpusError, ParameterError
from calmscore.network.classifier import load_classifier
from calmscore.training import clip_copies, clip_sounds, command, preparation, training_sets
from calmscore.training.clip_copies import TRAINING_COPIES, VALIDATION_COPIES
from calmscore.training.clip_sounds import speech_level_db
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.ordinary import HEARD, source_shares
from calmscore.training.fine_tuning import FineTuning, load_start, mask_spectrogram
from calmscore.training.ordinary_evaluation import _members
from calmscore.training.recipe import Recipe, Stages
from calmscore.training.trained_network import average_members, members_network, members_without
from calmscore.training.training_sets import load_training_set, write_training_set

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
VALIDATION, TRAINING = ("1015", "1020"), ("1001", "1002")
CODES = ("ANG", "NEU", "SAD")
RECIPE = Recipe(
    whisper="tiny.en", width=64, layers=1, head_epochs=1, epochs=1, batch_size=2,
    mixed_precision=False, average_momentum=0.5,
)  # fmt: skip
TRUNK = replace(RECIPE, head_epochs=0)
MEMBERS = (
    Recipe(seed=11, head_epochs=0, left_out=("desk",), ordinary_teaches_heads_alone=True),
    Recipe(seed=12, head_epochs=0, left_out=("street",)),
    Recipe(seed=13, head_epochs=0, left_out=("desk",)),
)
# The first row is of the voice alone (1), the second of the face alone (2).
VOTES = """,fileName,A,D,F,H,N,S
100001,1001_DFA_ANG_XX,6,2,0,0,2,0
200001,1001_DFA_ANG_XX,0,0,0,9,0,0
"""


pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")


@pytest.fixture
def step_by_step():
    """Run TensorFlow without compiling, because that takes longer than a few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Twelve short clips: three emotions of two speakers on either side."""
    folder = tmp_path_factory.mktemp("corpus") / "AudioWAV"
    folder.mkdir()
    generator = np.random.default_rng(0)
    time = np.arange(round(0.6 * RATE_HZ)) / RATE_HZ
    for speaker in VALIDATION + TRAINING:
        for place, code in enumerate(CODES):
            buzz = np.sin(2 * np.pi * 150 * (1 + place) * time) * (1 + np.sin(30 * time))
            sound = 0.1 * 0.5**place * (buzz + 0.2 * generator.standard_normal(time.size))
            soundfile.write(folder / f"{speaker}_DFA_{code}_XX.wav", sound, RATE_HZ)
    (folder.parent / "tabulatedVotes.csv").write_text(VOTES)
    return folder


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """Two sources of ordinary speech, a recording each; the sample call's voices speak."""
    folder = tmp_path_factory.mktemp("ordinary")
    call, rate = soundfile.read(ROOT / "samples" / "calms_down.wav")
    for source, start in (("desk", 60), ("street", 75)):
        (folder / source).mkdir()
        part = call[start * rate : (start + 12) * rate]
        soundfile.write(folder / source / "one.wav", part, rate)
    return folder


@pytest.fixture(scope="module")
def sets(clips, ordinary):
    """Prepare the clips by the command line, and return where they are."""
    output = clips.parent / "training"
    arguments = ["--data", str(clips), "--ordinary", str(ordinary), "--output", str(output)]
    with threads():
        assert preparation.main(arguments) == 0
    return output


@pytest.fixture(scope="module")
def whisper_file(tmp_path_factory, whisper_arrays, write_whisper):
    path = tmp_path_factory.mktemp("whisper") / "model.bin"
    return write_whisper(path, whisper_arrays(width=64, layers=1))


def options_of(recipe: Recipe) -> list[str]:
    options = []
    for name, value in recipe.to_dict().items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            options.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, list):
            options += [f"--{option}", ",".join(map(str, value))]
        else:
            options += [f"--{option}", str(value)]
    return options


@pytest.fixture(scope="module")
def trained(sets, whisper_file):
    """Train by the command line without a break; the folder gets ``run`` and ``model``."""
    folder = sets.parent
    arguments = ["train", "--training-set", str(sets), "--run", str(folder / "run"),
                 "--artifacts", str(folder / "model"), "--version", "9.9",
                 "--member-epochs", "1", "--ordinary-per-member-batch", "3", "--trunks", "2",
                 "--whisper-weights", f"tiny.en={whisper_file}"]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        # Two epochs on made sounds leave answers so small that rounding is a large share of them:
        # from 9 to 30 %, by which seconds of speech were beside them.
        patch.setattr("calmscore.training.emotion_export.LARGEST_DIFFERENCE", 1.0)
        patch.setattr(command, "MEMBERS", MEMBERS)
        assert command.main(arguments + options_of(RECIPE)) == 0
    return folder


def fine_tuning(sets, folder, whisper_file, *, recipe: Recipe = RECIPE) -> FineTuning:
    return FineTuning(
        recipe, train=load_training_set(sets / "train"),
        validation=load_training_set(sets / "validation"), folder=folder, whisper=whisper_file,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "speakers", "copies"),
    [("train", TRAINING, len(TRAINING_COPIES)), ("validation", VALIDATION, 2)],
)
def test_sets_hold_every_clip_once_under_its_own_speaker(sets, name, speakers, copies):
    prepared = load_training_set(sets / name)
    names = [f"{speaker}_DFA_{code}_XX" for speaker in speakers for code in CODES]
    assert sorted(prepared.names) == names
    assert prepared.log_mel.shape == (copies, len(names), 300, 80)
    assert np.isfinite(prepared.log_mel).all()
    for label, stem, speaker in zip(
        prepared.labels, prepared.names, prepared.speakers, strict=True
    ):
        clip = crema_d.parse_name(str(stem))
        assert (EMOTIONS[label], clip.speaker) == (clip.emotion, speaker)


def test_votes_are_those_of_listeners_and_the_label_where_nobody_voted(sets):
    prepared = load_training_set(sets / "train")
    votes = dict(zip(prepared.names, prepared.votes[0], strict=True))
    np.testing.assert_allclose(votes["1001_DFA_ANG_XX"], [0.6, 0.2, 0, 0, 0.2, 0], atol=1e-6)
    np.testing.assert_array_equal(votes["1002_DFA_SAD_XX"], np.eye(6)[EMOTIONS.index("sad")])


def test_every_copy_of_a_clip_is_another_one(sets):
    copies = load_training_set(sets / "train").log_mel[:, 0].astype(np.float32)
    for one in range(len(copies)):
        for other in range(one):
            assert np.abs(copies[one] - copies[other]).max() > 0.1


def test_the_seed_decides_the_copies(clips, sets, tmp_path):
    arguments = ["--data", str(clips), "--output", str(tmp_path), "--seed"]
    prepared = [load_training_set(sets / "train").log_mel]
    for seed in ("0", "1"):
        with threads():
            assert preparation.main([*arguments, seed]) == 0
        prepared.append(np.array(load_training_set(tmp_path / "train").log_mel))
    first, again, other = prepared
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[0], other[0])  # the clean copy
    assert np.abs(first[1:] - other[1:]).max() > 0.1


def test_a_process_of_its_own_prepares_the_same(clips, sets, tmp_path):
    expected = load_training_set(sets / "validation")
    clip = crema_d.parse_name(clips / f"{expected.names[0]}.wav")
    write_training_set([clip], tmp_path, copies=VALIDATION_COPIES, workers=1)
    np.testing.assert_array_equal(load_training_set(tmp_path).log_mel[:, 0], expected.log_mel[:, 0])


def test_another_corpus_is_divided_by_speaker_and_balanced(tmp_path):
    folder, output = tmp_path / "wav", tmp_path / "sets"
    folder.mkdir()
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE_HZ // 2)
    # EmoDB: W is anger, N neutral, L boredom, which is none of the six.
    for speaker in ("03", "08", "09"):
        for code in ("a01Wa", "a02Wa", "a04Wa", "a01Na", "a05La"):
            soundfile.write(folder / f"{speaker}{code}.wav", noise, RATE_HZ)
    arguments = ["--data", str(folder), "--output", str(output), "--balance"]
    with threads():
        assert preparation.main(arguments) == 0
    training, validation = (load_training_set(output / name) for name in ("train", "validation"))
    assert len(set(training.speakers)) == 2 and len(set(validation.speakers)) == 1
    assert not set(training.speakers) & set(validation.speakers)
    counts = {EMOTIONS[label]: np.sum(training.labels == label) for label in set(training.labels)}
    assert counts == {"anger": 6, "neutral": 6}
    assert sorted(EMOTIONS[label] for label in validation.labels) == ["anger"] * 3 + ["neutral"]


def test_a_corpus_of_one_speaker_cannot_be_divided(tmp_path, capsys):
    soundfile.write(tmp_path / "03a01Wa.wav", np.zeros(RATE_HZ // 2), RATE_HZ)
    arguments = ["--data", str(tmp_path), "--output", str(tmp_path / "sets"), "--corpus", "emodb"]
    assert preparation.main(arguments) == 3
    assert "clips of 1 speaker" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--balance"], ["--corpus", "emodb"]])
def test_the_set_of_everyone_takes_no_other_corpus_and_no_balance(clips, tmp_path, capsys, option):
    arguments = ["--data", str(clips), "--output", str(tmp_path), "--everyone", *option]
    with pytest.raises(SystemExit, match="2"):
        preparation.main(arguments)
    assert "--everyone takes CREMA-D as it is" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_folder_without_clips_is_told(tmp_path, capsys):
    arguments = ["--data", str(tmp_path), "--output", str(tmp_path / "sets")]
    assert preparation.main(arguments) == 3
    assert str(tmp_path) in capsys.readouterr().err


def test_a_set_that_is_missing_or_of_another_front_end_is_told(tmp_path, sets):
    with pytest.raises(CorpusError, match="no prepared training set"):
        load_training_set(tmp_path)
    for file in (sets / "train").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    description = json.loads((tmp_path / "settings.json").read_text())
    description["log_mel"]["mel_bands"] = 40
    (tmp_path / "settings.json").write_text(json.dumps(description))
    with pytest.raises(CorpusError, match="another front end"):
        load_training_set(tmp_path)


@pytest.mark.parametrize("level_db", [-6.0, -30.0, -60.0])
def test_the_speech_level_leaves_pauses_out(level_db):
    speech = 10 ** (level_db / 20) * np.ones(RATE_HZ, dtype=np.float32)
    with_pause = np.concatenate([speech, np.zeros(3 * RATE_HZ, dtype=np.float32)])
    assert speech_level_db(with_pause) == pytest.approx(level_db, abs=0.1)


def checkpoint(folder) -> dict[str, np.ndarray]:
    with np.load(folder / "checkpoint.npz") as stored:
        return {name: stored[name] for name in stored.files}


def test_an_interrupted_training_ends_like_one_without_a_break(
    sets, whisper_file, tmp_path, step_by_step
):
    def stop_in_the_second_epoch(line):
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    fine_tuning(sets, tmp_path / "whole", whisper_file).run()
    with pytest.raises(KeyboardInterrupt):
        fine_tuning(sets, tmp_path / "broken", whisper_file).run(report=stop_in_the_second_epoch)
    assert int(checkpoint(tmp_path / "broken")["epoch"]) == 1
    lines = []
    average = fine_tuning(sets, tmp_path / "broken", None).run(report=lines.append)
    assert len(lines) == 1 and lines[0].startswith("epoch 2/2")
    assert average == tmp_path / "broken" / "average.weights.h5" and average.is_file()
    broken, whole = (checkpoint(tmp_path / name) for name in ("broken", "whole"))
    assert broken.keys() == whole.keys()
    for name, array in whole.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(broken[name], array, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(broken[name], array, err_msg=name)


def test_a_finished_training_is_not_trained_again(trained, sets):
    before = checkpoint(trained / "run" / "trunk-1")
    lines = []
    fine_tuning(sets, trained / "run" / "trunk-1", None, recipe=TRUNK).run(report=lines.append)
    assert lines == []
    assert checkpoint(trained / "run" / "trunk-1")["epoch"] == before["epoch"] == 1


def test_a_run_of_another_recipe_is_not_continued(trained, sets):
    recipe = replace(TRUNK, meant_share=0.5)
    with pytest.raises(ParameterError, match="another recipe"):
        fine_tuning(sets, trained / "run" / "trunk-1", None, recipe=recipe).run()


def test_the_encoder_rests_in_the_head_epochs_and_learns_afterwards(
    trained, sets, whisper_file, tmp_path, whisper_arrays, step_by_step
):
    kernel = whisper_arrays(width=64, layers=1)["encoder/conv1/weight"].astype(np.float32)
    kernel = kernel.transpose(2, 1, 0)
    recipe = replace(RECIPE, epochs=0)
    head_only = fine_tuning(sets, tmp_path, whisper_file, recipe=recipe)
    initial = head_only.model.get_layer("heard").get_weights()[0]
    head_only.run(report=lambda line: None)
    np.testing.assert_array_equal(head_only.model.get_layer("conv1").get_weights()[0], kernel)
    assert np.abs(head_only.model.get_layer("heard").get_weights()[0] - initial).max() > 1e-5
    whole = fine_tuning(sets, trained / "run" / "trunk-1", None, recipe=TRUNK)
    whole.run(report=lambda line: None)
    assert np.abs(whole.model.get_layer("conv1").get_weights()[0] - kernel).max() > 1e-6


def test_the_log_has_a_line_per_epoch(trained):
    rows = [
        json.loads(line)
        for name in ("heads", "trunk-1", "member-3")
        for line in (trained / "run" / name / "log.jsonl").read_text().splitlines()
    ]
    assert [row["epoch"] for row in rows] == [1, 1, 1]
    for row in rows:
        assert row["loss"] > 0.0
        for line in ("clean", "telephone"):
            assert row[line]["meant"]["clips"] == row[line]["heard"]["clips"] == 6


def test_the_artifact_loads_and_tells_what_made_it(trained, caplog):
    classifier = load_classifier(trained / "model")
    assert not caplog.records  # it runs by its export, which was written with it
    metrics, recipe = (
        json.loads((trained / "model" / name).read_text())
        for name in ("metrics.json", "recipe.json")
    )
    assert classifier.settings.version == "9.9"
    assert classifier.settings.heard_temperature == metrics["heard_temperature"]
    assert Recipe(**recipe["trunk"]) == RECIPE
    assert recipe["trunks"] == 2
    members = [Recipe(**fields) for fields in recipe["members"]]
    assert [member.left_out for member in members] == [("desk",), ("street",), ("desk",)]
    assert [member.ordinary_teaches_heads_alone for member in members] == [True, False, False]
    assert [member.seed for member in members] == [11, 12, 13]
    for member in members:
        assert (member.width, member.ordinary_per_batch) == (RECIPE.width, 3)
    assert len(classifier.sha256) == 64
    speech_level = load_training_set(trained / "training" / "train").speech_level_db
    assert classifier.settings.speech_level_db == speech_level
    sounds = [
        np.random.default_rng(0).standard_normal(n).astype(np.float32) for n in (9_000, 70_000)
    ]
    for predict in (classifier.predict_proba, classifier.predict_intended_proba):
        rows = predict(sounds, sample_rate_hz=RATE_HZ)
        assert rows.shape == (2, 6)
        np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("line", ["clean", "telephone"])
def test_evaluate_prints_and_writes_the_figures_of_the_chosen_speakers(
    trained, clips, capsys, tmp_path, line
):
    arguments = ["evaluate", "--data", str(clips), "--artifacts", str(trained / "model"),
                 "--speakers", "validation", "--json", str(tmp_path / "figures.json")]  # fmt: skip
    assert command.main(arguments + ["--telephone"] * (line == "telephone")) == 0
    printed = capsys.readouterr().out
    assert f"6 clips of 2 speakers, {'clean' if line == 'clean' else 'through a tele'}" in printed
    figures = json.loads((tmp_path / "figures.json").read_text())
    for name in ("accuracy", "uar", "macro_f1", "expected_calibration_error"):
        assert f"{figures['all'][name]:.3f}" in printed
    for word in ("accuracy", "UAR", "macro-F1", "expected calibration error", "confusion matrix"):
        assert word in printed
    assert all(name in printed for name in EMOTIONS)
    assert figures["telephone"] == (line == "telephone")
    assert sum(map(sum, figures["all"]["confusion"])) == 6
    # The figures of the package are those of the artifact, but for the storage with 16 bits.
    packaged = json.loads((trained / "model" / "metrics.json").read_text())
    if line == "clean":
        assert figures["all"]["accuracy"] == pytest.approx(
            packaged["clean"]["meant"]["accuracy"], abs=0.17
        )


def test_evaluate_tells_sexes_and_ages_apart_where_they_are_known(trained, clips, capsys):
    table = clips.parent / "VideoDemographics.csv"
    table.write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n"
        "1001,51,Male,Caucasian,Not Hispanic\n1015,32,Female,Asian,Not Hispanic\n"
    )
    try:
        arguments = ["evaluate", "--data", str(clips), "--artifacts", str(trained / "model")]
        assert command.main(arguments) == 0
    finally:
        table.unlink()
    printed = capsys.readouterr().out.splitlines()
    groups = {line.split()[0]: line for line in printed if line.startswith("  ")}
    for name in ("female", "male", "30–39", "50–59"):
        assert " 3 " in groups[name], name


def error_line(capsys) -> str:
    """Return the last line on stderr; progress bars may stand before it."""
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("speakers", "message"), [("1015,1020", None), ("7777", "holds no clip of speakers")]
)
def test_evaluate_of_nobody_ends_with_one_line_of_reason(trained, clips, capsys, speakers, message):
    arguments = ["evaluate", "--data", str(clips), "--artifacts", str(trained / "model"),
                 "--speakers", speakers]  # fmt: skip
    assert command.main(arguments) == (0 if message is None else 3)
    if message is not None:
        assert message in error_line(capsys)


@pytest.mark.parametrize("change", [{"width": 128}, {"layers": 2}])
def test_training_a_network_that_does_not_fit_whisper_ends_with_one_line_of_reason(
    sets, whisper_file, tmp_path, capsys, change
):
    recipe = Recipe(**{**RECIPE.to_dict(), **change})
    arguments = ["train", "--training-set", str(sets), "--run", str(tmp_path / "run"),
                 "--artifacts", str(tmp_path / "model"),
                 "--whisper-weights", f"tiny.en={whisper_file}"]  # fmt: skip
    assert command.main(arguments + options_of(recipe)) == 3
    assert error_line(capsys).startswith("error: ")


def test_without_options_the_stages_are_the_shipped_ones_that_a_gpu_trains(monkeypatch):
    asked = {}
    monkeypatch.setattr(command, "train", lambda **options: asked.update(options))
    assert command.main(["train"]) == 0
    assert asked["stages"] == Stages()


def test_training_without_sets_ends_with_one_line_of_reason(tmp_path, capsys):
    arguments = ["train", "--training-set", str(tmp_path), "--run", str(tmp_path / "run")]
    assert command.main([*arguments, "--artifacts", str(tmp_path / "model")]) == 3
    assert "no prepared training set" in error_line(capsys)


def test_a_joined_copy_has_the_mean_of_both_clips_votes(sets):
    prepared = load_training_set(sets / "train")
    for copy, votes in zip(TRAINING_COPIES, prepared.votes, strict=True):
        # Each speaker has one clip of each emotion here, which is its own partner.
        np.testing.assert_allclose(votes, prepared.votes[0], atol=1e-6, err_msg=str(copy.joined))
    assert any(copy.joined for copy in TRAINING_COPIES)


def test_partners_share_speaker_and_emotion():
    speakers, labels = np.repeat(["a", "b"], 6), np.tile([0, 0, 0, 1, 1, 2], 2)
    partners = training_sets.draw_partners(speakers, labels, seed=0)
    np.testing.assert_array_equal(speakers[partners], speakers)
    np.testing.assert_array_equal(labels[partners], labels)
    assert (partners != np.arange(12)).sum() == 10  # all but those that are alone


def test_ordinary_speech_has_sources_no_intention_and_what_listeners_would_say(sets):
    prepared = load_training_set(sets / "ordinary")
    assert set(prepared.sources) == {"desk", "street"}
    assert (prepared.labels == -1).all()
    assert prepared.votes.shape == (len(TRAINING_COPIES), len(prepared.labels), 6)
    np.testing.assert_allclose(prepared.votes[0, 0], HEARD)
    assert HEARD.sum() == pytest.approx(1.0) and EMOTIONS[HEARD.argmax()] == "neutral"


def with_ordinary(sets, folder, whisper_file, **changes) -> FineTuning:
    return FineTuning(
        replace(RECIPE, **changes), train=load_training_set(sets / "train"),
        ordinary=load_training_set(sets / "ordinary"), folder=folder, whisper=whisper_file,
        validation=load_training_set(sets / "validation"),
    )  # fmt: skip


def test_a_source_that_is_left_out_is_never_drawn(sets, whisper_file, tmp_path):
    tuning = with_ordinary(
        sets, tmp_path, whisper_file, ordinary_per_batch=8, left_out=("desk", "unknown")
    )
    generator = np.random.default_rng(0)
    drawn = [row for _ in range(20) for _, rows in tuning._ordinary_rows(generator) for row in rows]
    assert set(load_training_set(sets / "ordinary").sources[drawn]) == {"street"}


def test_leaving_every_source_out_is_told(sets, whisper_file, tmp_path):
    with pytest.raises(ParameterError, match="left_out is desk, street"):
        with_ordinary(
            sets, tmp_path, whisper_file, ordinary_per_batch=8, left_out=("desk", "street")
        )


@pytest.mark.parametrize("heads_alone", [True, False])
def test_ordinary_speech_moves_the_encoder_unless_it_teaches_the_heads_alone(
    sets, whisper_file, tmp_path, heads_alone, step_by_step
):
    tuning = with_ordinary(
        sets, tmp_path, whisper_file, ordinary_per_batch=2, ordinary_teaches_heads_alone=heads_alone
    )
    load_start(tuning.model, tuning.recipe, start=None, whisper=whisper_file)
    inputs, meant, heard = next(iter(tuning._batches()))
    acted = len(meant)
    assert len(inputs) == acted + 2
    kernel = tuning.model.get_layer("conv1").trainable_variables[0].value
    head = tuning.model.get_layer("heard").trainable_variables[0].value
    with tf.GradientTape(persistent=True) as tape:
        logits = tuning._answers(inputs, acted=acted)["heard"]
        losses = tf.nn.softmax_cross_entropy_with_logits(heard, logits)
        of_acted, of_ordinary = losses[:acted], losses[acted:]
    assert np.abs(tape.gradient(of_acted, kernel)).max() > 0.0
    assert np.abs(tape.gradient(of_ordinary, head)).max() > 0.0
    moved = tape.gradient(of_ordinary, kernel)
    # The statistics of the batch's normalisation are of all rows; what is judged is not.
    assert (np.abs(moved).max() == 0.0) == heads_alone


def test_each_source_is_judged_by_the_average_of_the_members_without_it(trained):
    found = members_without(trained / "run")
    names = {source: [folder.name for folder in folders] for source, folders in found.items()}
    assert names == {"desk": ["member-1", "member-3"], "street": ["member-2"]}
    kernels = [
        members_network([folder]).get_layer("heard").get_weights()[0] for folder in found["desk"]
    ]
    judge = members_network(found["desk"]).get_layer("heard").get_weights()[0]
    np.testing.assert_allclose(judge, np.mean(kernels, axis=0), atol=1e-6)
    classifiers = _members(trained / "run", load_classifier(trained / "model"))
    assert set(classifiers) == {"desk", "street"}


def test_what_ended_elsewhere_is_averaged_and_not_trained(trained, sets, tmp_path):
    """A GPU leaves no more of a run than its average, its recipe and that it has ended."""
    for name in ("checkpoint.npz", "average.weights.h5"):
        (tmp_path / name).write_bytes((trained / "run" / "trunk-2" / name).read_bytes())
    whole = checkpoint(tmp_path)
    kept = {name: whole[name] for name in ("epoch", "recipe")}
    np.savez(tmp_path / "checkpoint.npz", allow_pickle=False, **kept)
    lines = []
    recipe = replace(TRUNK, seed=RECIPE.seed + 1)
    tuning = fine_tuning(sets, tmp_path, None, recipe=recipe)
    assert tuning.run(report=lines.append) == tmp_path / "average.weights.h5"
    assert lines == []


def test_no_source_drowns_the_others():
    shares = source_shares(["big"] * 100 + ["small"] * 4)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[:100].sum() / shares[100:].sum() == pytest.approx(5.0)


def test_ordinary_speech_that_was_not_prepared_and_too_few_copies_are_told(
    sets, whisper_file, tmp_path
):
    for change, message in (
        ({"ordinary_per_batch": 2}, "no ordinary speech was prepared"),
        ({"copies": 99}, "copies is 99"),
    ):
        with pytest.raises(ParameterError, match=message):
            fine_tuning(
                sets, tmp_path, whisper_file, recipe=Recipe(**{**RECIPE.to_dict(), **change})
            )


def test_an_average_of_members_has_the_mean_weights(sets, whisper_file, tmp_path):
    files, kernels = [], []
    for seed in (1, 2):
        recipe = Recipe(**{**RECIPE.to_dict(), "seed": seed})
        network = fine_tuning(sets, tmp_path / str(seed), whisper_file, recipe=recipe).model
        files.append(tmp_path / f"{seed}.weights.h5")
        network.save_weights(files[-1])
        kernels.append(network.get_layer("heard").get_weights()[0])
    for shares in (None, (3.0, 1.0)):
        average = average_members(files, recipe=RECIPE, shares=shares)
        np.testing.assert_allclose(
            average.get_layer("heard").get_weights()[0],
            np.average(kernels, axis=0, weights=shares),
            atol=1e-6,
        )


def test_a_corpus_for_evaluation_alone_is_not_trained_on(tmp_path, capsys):
    for speaker in ("SM1", "SF2"):
        for code in "AN":
            file = tmp_path / f"{speaker}_F1_{code}001.wav"
            soundfile.write(file, np.zeros(RATE_HZ // 2), RATE_HZ)
    arguments = ["--data", str(tmp_path), "--output", str(tmp_path / "sets")]
    assert preparation.main(arguments) == 3
    assert "for evaluation alone" in capsys.readouterr().err


def test_babble_is_other_voices_beside_the_clip(clips):
    paths = sorted(clips.glob("*.wav"))
    samples = clip_sounds.read_clip(paths[0])
    generator = np.random.default_rng(0)
    clip_copies.remember_voices([])
    np.testing.assert_array_equal(clip_copies.babble(samples, generator), samples)
    clip_copies.remember_voices(paths[3:])
    try:
        babbled = clip_copies.babble(samples, generator)
    finally:
        clip_copies.remember_voices([])
    noise = babbled - samples
    ratio = 10 * np.log10(np.mean(samples**2) / np.mean(noise**2))
    assert 2.9 < ratio < 20.1


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 30))
def test_a_mask_hides_one_stretch_of_bands_and_one_of_frames(seed, bands, frames):
    inputs = np.random.default_rng(seed).standard_normal((2, 60, 20)).astype(np.float32)
    masked = mask_spectrogram(
        inputs.copy(), np.random.default_rng(seed), bands=bands, frames=frames
    )
    again = mask_spectrogram(inputs.copy(), np.random.default_rng(seed), bands=bands, frames=frames)
    np.testing.assert_array_equal(masked, again)
    for before, after in zip(inputs, masked, strict=True):
        hidden = before != after
        assert np.allclose(after[hidden], before.mean(), atol=1e-5)
        for axis, widest in ((0, frames), (1, bands)):
            (places,) = np.nonzero(hidden.all(axis=1 - axis))
            assert places.size <= widest
            assert places.size == 0 or np.ptp(places) == places.size - 1
        rest = hidden[~hidden.all(axis=1)][:, ~hidden.all(axis=0)]
        assert not rest.any()
