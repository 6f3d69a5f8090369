import hashlib

import numpy as np
import pytest
from made_emotion_network import made_network, write_artifact

from calmscore.errors import ArtifactError
from calmscore.network.classifier import MODEL_FILE
from calmscore.network.exported_network import EXPORTED_FILE, open_exported_network
from calmscore.training import command, emotion_export


def keras_digest(folder) -> str:
    return hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest()


def test_the_command_writes_an_export_that_belongs_to_the_model_of_the_folder(tmp_path, capsys):
    folder = write_artifact(tmp_path)
    for seed in (0, 1):
        made_network(seed=seed).save(folder / MODEL_FILE)
        assert command.main(["export", "--artifacts", str(folder)]) == 0
        assert str(folder / EXPORTED_FILE) in capsys.readouterr().out
        network = open_exported_network(folder / EXPORTED_FILE, keras_sha256=keras_digest(folder))
        assert network(np.zeros((2, 300, 80), dtype=np.float32))["heard"].shape == (2, 6)
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(("width", "layers"), [(64, 2), (192, 3)])
def test_networks_of_other_shapes_answer_alike(tmp_path, width, layers):
    model = made_network(width=width, layers=layers)
    emotion_export.write_model(
        emotion_export.emotion_graph(model, keras_sha256="0"), tmp_path / "network.onnx"
    )
    exported = open_exported_network(tmp_path / "network.onnx", keras_sha256="0")
    inputs = np.random.default_rng(0).uniform(-1, 1, (3, 300, 80)).astype(np.float32)
    inputs[1, 120:] = -1.0  # padding
    expected, answers = model(inputs, training=False), exported(inputs)
    assert set(answers) == set(expected) == {"heard", "meant", "voice"}
    for name, rows in answers.items():
        # Products are of 8-bit numbers.
        np.testing.assert_allclose(rows, expected[name], atol=0.1, rtol=0.1)


def test_an_export_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    folder = write_artifact(tmp_path)
    other = made_network(seed=1)
    written = emotion_export.emotion_graph
    monkeypatch.setattr(
        emotion_export, "emotion_graph", lambda model, **options: written(other, **options)
    )
    with pytest.raises(ArtifactError, match="differs"):
        emotion_export.export_emotion_network(folder)
    assert not (folder / EXPORTED_FILE).exists()


def test_without_a_model_the_command_says_which_file_it_lacks(tmp_path, capsys):
    folder = write_artifact(tmp_path)
    (folder / MODEL_FILE).unlink()
    assert command.main(["export", "--artifacts", str(folder)]) == 3
    assert MODEL_FILE in capsys.readouterr().err
