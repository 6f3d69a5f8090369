import json
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from threads_for_processes import threads

from calmscore.errors import ArtifactError, CorpusError, ParameterError
from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.training import command, comparison, preparation
from calmscore.training.averaged_features import AVERAGED_FEATURES, THIRTY_TWO, averaged_features
from calmscore.training.baseline_inputs import coarse_frames, random_split, read_training_averages
from calmscore.training.baselines import FAMILY, groups_set_apart
from calmscore.training.comparison import MODELS, Comparison, compare
from calmscore.training.comparison_results import COLUMNS, comparison_page, comparison_table
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.reading import read_corpus
from calmscore.training.model_costs import logged_training_seconds
from calmscore.training.text_comparison_results import HEADING

RATE_HZ = 16_000
VALIDATION, TRAINING = ("1015", "1020"), ("1001", "1002", "1003")
CODES = ("ANG", "NEU", "SAD")
BY_NAME = {baseline.name: baseline for baseline in FAMILY}


@pytest.fixture(autouse=True, scope="module")
def step_by_step():
    """Run TensorFlow without compiling, because that takes longer than a few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Fifteen short clips: three emotions of three training and two validation speakers."""
    folder = tmp_path_factory.mktemp("corpus") / "AudioWAV"
    folder.mkdir()
    generator = np.random.default_rng(0)
    time = np.arange(round(0.6 * RATE_HZ)) / RATE_HZ
    for speaker in VALIDATION + TRAINING:
        for place, code in enumerate(CODES):
            buzz = np.sin(2 * np.pi * 150 * (1 + place) * time)
            sound = 0.1 * 0.5**place * (buzz + 0.2 * generator.standard_normal(time.size))
            soundfile.write(folder / f"{speaker}_DFA_{code}_XX.wav", sound, RATE_HZ)
    return folder


@pytest.fixture(scope="module")
def prepared(clips):
    output = clips.parent / "training"
    with threads():
        assert preparation.main(["--data", str(clips), "--output", str(output)]) == 0
    return output


@pytest.fixture
def protocol(prepared, clips):
    with threads():
        yield Comparison(training_set=prepared, data=clips, epochs=1, seed=0)


def made_up_examples(kind):
    """Thirty rows of three groups and all six classes, which differ in level."""
    labels = np.arange(30) % 6
    shape = (30, AVERAGED_FEATURES) if kind == "averages" else (30, 16, 80)
    inputs = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    inputs += labels.reshape(-1, *[1] * (len(shape) - 1))
    return inputs, labels, np.repeat(["a", "b", "c"], 10)


@cache
def trained_once(name):
    return train(name)


def train(name, *, chosen=slice(None), seed=0):
    inputs, labels, groups = made_up_examples(BY_NAME[name].kind)
    return BY_NAME[name].train(
        inputs[chosen], labels[chosen], groups=groups[chosen], seed=seed, epochs=1
    )


def test_averaged_features_have_the_documented_parts():
    generator = np.random.default_rng(0)
    sounds = [0.1 * generator.standard_normal(n).astype(np.float32) for n in (500, 9_000, 48_000)]
    sounds.append(np.zeros(9_000, dtype=np.float32))
    rows = averaged_features(sounds, sample_rate_hz=RATE_HZ)
    assert rows.shape == (4, AVERAGED_FEATURES) and rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert ((rows[:, 40:52] >= 0.0) & (rows[:, 40:52] <= 1.0)).all()  # chroma
    assert (rows[:3, 52:] > 0.0).all()  # contrasts of noise
    assert averaged_features([], sample_rate_hz=RATE_HZ).shape == (0, AVERAGED_FEATURES)


def test_louder_sound_raises_the_first_coefficient_alone():
    sound = 0.01 * np.random.default_rng(0).standard_normal(9_000).astype(np.float32)
    soft, loud = averaged_features([sound, 10.0 * sound], sample_rate_hz=RATE_HZ)
    assert loud[0] > soft[0] + 10.0
    np.testing.assert_allclose(loud[1:], soft[1:], atol=1e-2)


def test_the_smaller_set_has_thirty_two_columns():
    assert len(set(THIRTY_TWO)) == 32
    assert not set(THIRTY_TWO) & set(range(13, 40))


def test_coarse_frames_are_means_of_four():
    inputs = np.arange(2 * 8 * 3, dtype=np.float16).reshape(2, 8, 3)
    coarse = coarse_frames(inputs)
    assert coarse.shape == (2, 2, 3) and coarse.dtype == np.float32
    np.testing.assert_allclose(coarse[1, 0], inputs[1, :4].mean(axis=0))


def test_averaged_features_are_computed_once(clips, tmp_path, monkeypatch):
    chosen, file = read_corpus(clips)[:2], tmp_path / "features.npz"
    with threads():
        first = read_training_averages(file, chosen)
        assert first.shape == (2, 2, AVERAGED_FEATURES)
        assert np.abs(first[0] - first[1]).max() > 1.0  # the line is heard
        other = read_training_averages(file, chosen[1:])
    assert other.shape == (2, 1, AVERAGED_FEATURES)  # other clips are computed anew
    np.testing.assert_allclose(other[0, 0], first[0, 1], atol=1e-5)
    monkeypatch.setattr(
        "calmscore.training.baseline_inputs.map_in_processes", lambda *_, **__: pytest.fail("again")
    )
    np.testing.assert_array_equal(read_training_averages(file, chosen[1:]), other)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_model_of_the_family_learns_predicts_and_is_weighed(name):
    trained = trained_once(name)
    rows = trained.predict_proba(made_up_examples(BY_NAME[name].kind)[0][:7])
    assert rows.shape == (7, 6) and rows.dtype == np.float32
    assert (rows >= 0.0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-5)
    assert trained.parameters > 0 and trained.size_bytes > 1000


@pytest.mark.parametrize("name", ["random-forest", "dense"])
def test_the_seed_decides_the_training(name):
    inputs = made_up_examples("averages")[0]
    rows = [train(name, seed=seed).predict_proba(inputs) for seed in (1, 1, 2)]
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-5)
    assert np.abs(rows[0] - rows[2]).max() > 1e-3


@pytest.mark.parametrize("name", ["logistic-regression", "random-forest", "gradient-boosting"])
def test_a_class_that_was_never_heard_gets_no_probability(name):
    inputs, labels, _ = made_up_examples("averages")
    rows = train(name, chosen=np.isin(labels, [0, 2, 5])).predict_proba(inputs)
    assert not rows[:, [1, 3, 4]].any()
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-5)


def test_parameters_are_counted():
    assert trained_once("logistic-regression").parameters == (AVERAGED_FEATURES + 1) * 6
    units = AVERAGED_FEATURES * 256 + 256 * 128 + 128 * 6 + 6
    assert trained_once("dense").parameters == units + 2 * (256 + 128)  # scale and shift


def test_the_transformer_hears_the_order_of_the_frames():
    inputs = made_up_examples("frames")[0]
    trained = trained_once("transformer")
    forwards, backwards = (trained.predict_proba(rows) for rows in (inputs, inputs[:, ::-1]))
    assert np.abs(forwards - backwards).max() > 1e-5


def test_groups_set_apart_are_whole_and_seeded():
    groups = np.repeat([f"speaker {n}" for n in range(20)], 3)
    apart = groups_set_apart(groups, seed=0)
    assert set(groups[apart]).isdisjoint(groups[~apart])
    assert len(set(groups[apart])) == 2
    np.testing.assert_array_equal(apart, groups_set_apart(groups, seed=0))
    assert any((groups_set_apart(groups, seed=n) != apart).any() for n in range(1, 5))
    with pytest.raises(ParameterError):
        groups_set_apart(groups[:3], seed=0)


def test_the_random_split_mixes_speakers_and_the_protocol_never_does(protocol):
    training, validation = protocol.examples("frames")
    assert set(training.speakers) == {f"crema-d/{speaker}" for speaker in TRAINING}
    assert set(validation.speakers) == {f"crema-d/{speaker}" for speaker in VALIDATION}
    assert {name.split("/")[1] for name in validation.speakers} <= set(crema_d.VALIDATION_SPEAKERS)
    learnt, measured = random_split(training.joined_with(validation), seed=0)
    assert (len(learnt.labels), len(measured.labels)) == (12, 3)
    assert set(learnt.speakers) & set(measured.speakers)
    assert not set(learnt.names) & set(measured.names)
    assert set(learnt.names) | set(measured.names) == {*training.names, *validation.names}
    again, _ = random_split(training.joined_with(validation), seed=0)
    np.testing.assert_array_equal(again.names, learnt.names)


def test_models_learn_from_training_speakers_alone_and_from_both_copies(protocol, monkeypatch):
    seen = []
    known = BY_NAME["logistic-regression"]

    def spy(inputs, labels, *, groups, seed, epochs):
        seen.append((len(inputs), set(groups.tolist())))
        return known.train(inputs, labels, groups=groups, seed=seed, epochs=epochs)

    spied = SimpleNamespace(**{**vars(known), "train": spy})
    monkeypatch.setattr(comparison, "FAMILY", (spied,))
    protocol.run("logistic-regression")
    (count, speakers), (random_count, names) = seen
    assert count == 2 * len(TRAINING) * len(CODES)
    assert speakers == {f"crema-d/{speaker}" for speaker in TRAINING}
    assert random_count == 2 * 12 and len(names) == 12  # 80 % of 15 clips, twice each
    assert names & {f"{speaker}_DFA_{code}_XX" for speaker in VALIDATION for code in CODES}


def test_both_kinds_of_input_are_labelled_alike(protocol):
    for frames, averages in zip(
        protocol.examples("frames"), protocol.examples("averages"), strict=True
    ):
        np.testing.assert_array_equal(frames.labels, averages.labels)
        np.testing.assert_array_equal(frames.names, averages.names)
        assert frames.inputs.shape == (2, len(frames.labels), 75, 80)
        assert averages.inputs.shape == (2, len(averages.labels), AVERAGED_FEATURES)


def test_clips_that_are_gone_are_told(prepared, clips, tmp_path):
    for name in ("1001_DFA_ANG_XX.wav", "1015_DFA_ANG_XX.wav"):
        (tmp_path / name).write_bytes((clips / name).read_bytes())
    with pytest.raises(CorpusError, match="was not prepared from the clips"):
        Comparison(training_set=prepared, data=tmp_path)


def test_the_shipped_models_training_time_is_that_of_its_own_logs(tmp_path, capsys):
    recipe = {"trunk": {}, "trunks": 1, "members": [{}]}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    (tmp_path / "two-heads-heads.jsonl").write_text('{"seconds": 2.0}\n')
    (tmp_path / "two-heads-trunk-1.jsonl").write_text('{"seconds": 10.0}\n{"seconds": 3.5}\n')
    assert logged_training_seconds(tmp_path, tmp_path) is None
    assert "two-heads-member-1.jsonl" in capsys.readouterr().err
    (tmp_path / "two-heads-member-1.jsonl").write_text('{"seconds": 1.0}\n')
    assert logged_training_seconds(tmp_path, tmp_path) == 16.5
    (tmp_path / "recipe.json").write_text(json.dumps({**recipe, "early": {}}))
    assert logged_training_seconds(tmp_path, tmp_path) == 16.5
    (tmp_path / "recipe.json").write_text(json.dumps({**recipe, "early": {"epochs": 1}}))
    (tmp_path / "two-heads-early.jsonl").write_text('{"seconds": 4.0}\n')
    assert logged_training_seconds(tmp_path, tmp_path) == 20.5


SMALL_RUN = ("logistic-regression", "averages-cnn", "whisper")


@pytest.fixture(scope="module")
def arguments(prepared, clips):
    """Return the command line up to where the results go."""

    def line(folder, *more):
        return ["compare", "--data", str(clips), "--training-set", str(prepared), "--json",
                str(folder / "comparison.json"), "--page", str(folder / "docs" / "page.md"),
                "--epochs", "1", *map(str, more)]  # fmt: skip

    return line


@pytest.fixture(scope="module")
def compared(prepared, arguments):
    """Run the command once on three models; return its folder and what it printed."""
    folder = prepared.parent / "compared"
    with threads(), redirect_stdout(StringIO()) as printed:
        assert command.main(arguments(folder, "--models", *reversed(SMALL_RUN))) == 0
    return folder, printed.getvalue()


@pytest.fixture
def results(compared):
    return json.loads((compared[0] / "comparison.json").read_text())


@pytest.fixture
def copied(compared, tmp_path):
    """Return a folder with the stored results, to be changed."""
    (tmp_path / "comparison.json").write_bytes((compared[0] / "comparison.json").read_bytes())
    return tmp_path


def test_the_command_stores_prints_and_documents_the_table(compared, results):
    folder, printed = compared
    table = comparison_table(results)
    assert printed == table
    page = (folder / "docs" / "page.md").read_text()
    assert page == comparison_page(results)
    assert table in page
    assert [row["name"] for row in results["models"]] == list(SMALL_RUN)
    assert results["seed"] == 0 and results["command"] == "python model.py compare --seed 0"
    assert results["protocol"]["training_speakers"] == list(TRAINING)
    assert results["protocol"]["validation_speakers"] == list(VALIDATION)


def test_the_table_has_all_columns_and_models(results):
    lines = comparison_table(results).splitlines()
    assert len({len(line) for line in lines}) == 1
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(rows[0]) == COLUMNS
    for cells, row in zip(rows[2:], results["models"], strict=True):
        cell = dict(zip(COLUMNS, cells, strict=True))
        assert cell["Model"] == row["title"]
        for column, name in (("Accuracy", "accuracy"), ("UAR", "uar"), ("Macro-F1", "macro_f1"),
                             ("ECE", "expected_calibration_error")):  # fmt: skip
            assert cell[column] == f"{row['clean'][name]:.3f}"
        assert cell["UAR telephone"] == f"{row['telephone']['uar']:.3f}"
        assert cell["Size (bytes)"].replace(",", "") == str(row["size_bytes"])
        assert cell["Parameters"].replace(",", "") == str(row["parameters"])
    assert rows[-1][COLUMNS.index("UAR random split")] == "–"


def test_every_result_has_its_figures(results):
    for row in results["models"]:
        assert row["clean"]["clips"] == row["telephone"]["clips"] == 6
        assert row["parameters"] > 0 and row["size_bytes"] > 0
        assert row["milliseconds_per_segment"] > 0.0
        assert {"keras", "tensorflow", "scikit-learn", "librosa"} <= set(row["versions"])
    *baselines, whisper = results["models"]
    for row in baselines:
        assert row["training_seconds"] >= 0.0
        assert row["random_split"]["clips"] == 3
        heard, unheard = (row[f"shared_clips_speakers_{name}"] for name in ("heard", "unheard"))
        assert 1 <= heard["clips"] == unheard["clips"] <= 3
    assert whisper["random_split"] is None
    assert [row["settings"].get("epochs") for row in results["models"]] == [None, 1, None]


def test_the_shipped_models_figures_are_those_of_evaluate(results, clips, tmp_path):
    for line in ("clean", "telephone"):
        arguments = ["evaluate", "--data", str(clips), "--speakers", "validation", "--json",
                     str(tmp_path / "figures.json")]  # fmt: skip
        arguments += ["--telephone"] * (line == "telephone")
        assert command.main(arguments) == 0
        evaluated = json.loads((tmp_path / "figures.json").read_text())["all"]
        compared = results["models"][-1][line]
        assert compared["confusion"] == evaluated["confusion"]
        for name in ("uar", "expected_calibration_error"):
            assert compared[name] == pytest.approx(evaluated[name], abs=1e-4)


def test_the_page_tells_what_leakage_bought_on_the_same_clips(results):
    for row, heard, unheard in zip(results["models"], (0.7, 0.6), (0.5, 0.5), strict=False):
        row["shared_clips_speakers_heard"] = {"uar": heard, "clips": 148}
        row["shared_clips_speakers_unheard"] = {"uar": unheard, "clips": 148}
    page = " ".join(comparison_page(results).split())
    assert "148 clips of the validation speakers are measured in both" in page
    assert "is 0.650 if a model has heard" in page and "0.500 if it has not" in page
    assert "worth +15.0 points" in page
    assert "No model has been trained" in comparison_page({**results, "models": []})


def test_one_model_is_measured_anew_and_the_other_rows_are_kept(copied, arguments, monkeypatch):
    path = copied / "comparison.json"
    before = json.loads(path.read_text())
    for row in before["models"]:
        row["clean"]["uar"] = 0.125
    path.write_text(json.dumps(before))
    assert command.main(arguments(copied, "--models", "whisper")) == 0
    after = json.loads(path.read_text())
    assert after["models"][:2] == before["models"][:2]
    assert after["models"][2]["clean"]["uar"] != 0.125
    assert after["models"][2]["settings"] == before["models"][2]["settings"]


def test_resuming_runs_only_what_is_missing_or_was_made_otherwise(
    copied, prepared, clips, monkeypatch
):
    path = copied / "comparison.json"
    rows = {row["name"]: row for row in json.loads(path.read_text())["models"]}
    ran = []

    def run(self, name):
        ran.append(name)
        return {**rows[name], "settings": self.settings(name)}

    monkeypatch.setattr(Comparison, "run", run)
    for epochs, expected in ((1, []), (2, ["averages-cnn"]), (2, [])):
        ran.clear()
        longer = Comparison(training_set=prepared, data=clips, epochs=epochs)
        results = compare(longer, output=path, models=SMALL_RUN, resume=True)
        assert ran == expected
        assert [row["name"] for row in results["models"]] == list(SMALL_RUN)
    compare(longer, output=path, models=SMALL_RUN)
    assert ran == list(SMALL_RUN)


def test_an_interrupted_comparison_keeps_what_it_has(protocol, results, tmp_path, monkeypatch):
    path = tmp_path / "comparison.json"

    def run(self, name):
        if name == "averages-cnn":
            raise KeyboardInterrupt
        return results["models"][0]

    monkeypatch.setattr(Comparison, "run", run)
    with pytest.raises(KeyboardInterrupt):
        compare(protocol, output=path, models=SMALL_RUN)
    assert json.loads(path.read_text())["models"] == results["models"][:1]


@pytest.mark.parametrize("content", ["[1, 2]", '{"models": []}', "{"])
def test_a_file_of_something_else_is_not_overwritten(protocol, tmp_path, content):
    path = tmp_path / "comparison.json"
    path.write_text(content)
    with pytest.raises(ArtifactError, match="holds no results"):
        compare(protocol, output=path)
    assert path.read_text() == content


def test_figures_of_another_seed_are_not_mixed_in(copied, prepared, clips):
    before = (copied / "comparison.json").read_text()
    with pytest.raises(ArtifactError, match="another protocol or seed"):
        compare(Comparison(training_set=prepared, data=clips, seed=1),
                output=copied / "comparison.json")  # fmt: skip
    assert (copied / "comparison.json").read_text() == before


@pytest.mark.parametrize(("more", "message"), [
    (["--models", "dense", "oracle"], "no model 'oracle'; known are logistic-regression"),
    (["--epochs", "0"], "epochs is 0"),
    (["--training-set", "nowhere"], "no prepared training set"),
    (["--data", "nowhere"], "no such folder"),
    (["--artifacts", "/nowhere"], "cannot be read"),
])  # fmt: skip
def test_wrong_use_ends_with_one_line_of_reason(arguments, tmp_path, capsys, more, message):
    assert command.main(arguments(tmp_path, *more)) == 3
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ") and message in line
    assert captured.out == "" and not list(tmp_path.iterdir())


def test_stored_figures_and_page_of_the_repository_belong_together():
    stored = json.loads((DEFAULT_ARTIFACTS / "comparison.json").read_text())
    page = DEFAULT_ARTIFACTS.parent / "docs" / "comparison.md"
    own = page.read_text().partition(HEADING)[0]
    assert own.rstrip() == comparison_page(stored).rstrip()
    assert [row["name"] for row in stored["models"]] == list(MODELS)
