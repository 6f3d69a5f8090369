"""Write the model card from the figures that lie with the artifact.

    python model.py evaluate --data data/AudioWAV --speakers validation \
        --json artifacts/evaluation_clean.json
    python model.py evaluate --data data/AudioWAV --speakers validation --telephone \
        --json artifacts/evaluation_telephone.json
    python call_evaluation.py --data data/AudioWAV --json artifacts/score_evaluation.json
    python model_card.py

No figure of the card is typed by hand: each comes from one of these files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from call_evaluation import SHIPPED
from classifier import DEFAULT_ARTIFACTS, MODEL_FILE, SETTINGS_FILE, ArtifactSettings
from emotions import EMOTIONS
from errors import ArtifactError, CalmscoreError

CARD_FILE = "MODEL_CARD.md"
_EVALUATE = "python model.py evaluate --data data/AudioWAV --speakers validation"
_MEASURES = (
    ("accuracy", "Accuracy"),
    ("uar", "UAR (mean recall of the six emotions)"),
    ("macro_f1", "Macro-F1"),
    ("valence_uar", "UAR of negative / neutral / positive"),
    ("expected_calibration_error", "Expected calibration error"),
)


def write_card(artifacts: Path) -> Path:
    """Write the card of an artifact from the figures beside it.

    Parameters
    ----------
    artifacts : Path
        Folder of the artifact.

    Returns
    -------
    Path
        The card.

    Raises
    ------
    ArtifactError
        If a file with figures is missing, or measured another model.
    """
    settings = ArtifactSettings.read(artifacts / SETTINGS_FILE)
    recipe = _read(artifacts / "recipe.json")
    clean = _read(artifacts / "evaluation_clean.json")
    telephone = _read(artifacts / "evaluation_telephone.json")
    calls = _read(artifacts / "score_evaluation.json")
    if clean["model"] != telephone["model"]:
        raise ArtifactError(f"{artifacts}: the two evaluations measured different models")
    megabytes = (artifacts / MODEL_FILE).stat().st_size / 1e6
    parts = [
        _introduction(settings, recipe, megabytes),
        _figures(clean, telephone),
        _confusion("clean", clean["all"]),
        _confusion("over a telephone line", telephone["all"]),
        _groups(clean, telephone),
        _calls(calls),
        _LIMITS,
    ]
    card = artifacts / CARD_FILE
    card.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    return card


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error}); measure the model first") from error
    return content


def _introduction(settings: ArtifactSettings, recipe: dict[str, Any], megabytes: float) -> str:
    return f"""
# Model card: {settings.name} {settings.version}

**What it does.** It hears up to 3 seconds of one person's speech and gives six calibrated
probabilities: {", ".join(EMOTIONS)}. Calmscore uses it on the customer's side of service calls, to
show supervisors where to listen.

**What it is not for.** Not for decisions about people, not for the agent's voice, not for diagnosis or
lie detection. It hears how somebody sounds, not what they feel.

## How it was made

- **Network**: {recipe["layers"]} transformer blocks of width {recipe["width"]} over log-mel frames,
  started from Whisper {recipe["whisper"]}'s encoder (MIT licence), a learned mix of the blocks,
  attentive statistics over voiced steps, a linear classifier. {megabytes:.1f} MB.
- **Data**: CREMA-D (Cao et al., 2014; Open Database License 1.0): 91 actors who speak twelve English
  sentences in six emotions. 63 actors were trained on, 9 decided between epochs and set the
  temperature ({settings.temperature:.2f}), and no clip of the other 19 was touched.
- **Copies**: six of each clip: clean, faster or slower, in rooms, in noise, over telephone lines with
  μ-law, A-law, GSM and lost packets. Labels are {100 * (1 - recipe["vote_share"]):.0f} % the intended
  emotion and {100 * recipe["vote_share"]:.0f} % the listeners' votes.
- **Recipe**: `artifacts/recipe.json`; commands in `docs/training.md`; what else was tried in
  `docs/model-log.md`.
"""


def _figures(clean: dict[str, Any], telephone: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {title} | {clean['all'][key]:.3f} | {telephone['all'][key]:.3f} |"
        for key, title in _MEASURES
    )
    return f"""
## How good it is on voices it never trained on

{clean["clips"]} clips of the 9 validation speakers, one clip at a time, intended emotion. These
speakers chose the epoch and the temperature, so expect a little less on others. Telephone: 8 kHz,
300–3400 Hz, μ-law, 20–30 dB above noise.

| | clean | telephone |
|---|---|---|
{rows}

`{_EVALUATE} [--telephone]`
"""


def _confusion(name: str, figures: dict[str, Any]) -> str:
    header = "| true \\ heard as | " + " | ".join(EMOTIONS) + " |"
    lines = [
        f"| {emotion} | " + " | ".join(str(count) for count in row) + " |"
        for emotion, row in zip(EMOTIONS, figures["confusion"], strict=True)
    ]
    ruler = "|---" * (len(EMOTIONS) + 1) + "|"
    return "\n".join([f"### What is taken for what, {name}", "", header, ruler, *lines])


def _groups(clean: dict[str, Any], telephone: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {name} | {figures['clips']} | {figures['uar']:.3f} "
        f"| {telephone['groups'][name]['uar']:.3f} |"
        for name, figures in clean["groups"].items()
    )
    return f"""
## By sex, age and race of the speaker

Each group holds few speakers, so differences below about 0.05 mean little.

| group | clips | UAR clean | UAR telephone |
|---|---|---|---|
{rows}
"""


def _calls(calls: dict[str, Any]) -> str:
    shipped = calls[SHIPPED[0]][SHIPPED[1]]
    rows = "\n".join(
        f"| {name} | {error:.2f} |" for name, error in shipped["by_trajectory"].items()
    )
    return f"""
## The score on whole calls

{shipped["calls"]} calls composed of validation speakers' clips, telephone line, level ±10 dB; the score
of the whole analysis against the score of the true emotions.

- Mean absolute error: **{shipped["mean_absolute_error"]:.2f}** points of 10; bias
  {shipped["bias"]:+.2f}
- Rank correlation: **{shipped["rank_correlation"]:.3f}**
- Same outcome: {shipped["same_outcome"]:.0%}; segments with the right emotion:
  {shipped["segment_accuracy"]:.0%}

| the customer's way | mean error |
|---|---|
{rows}

`python call_evaluation.py --data data/AudioWAV`

Composed calls are kinder than real ones: one acted emotion fills each segment and nobody interrupts.
"""


_LIMITS = """
## Known limits

- **Actors.** CREMA-D is acted, in American English, recorded in a quiet room. Real callers are less
  clear. Other languages were not measured.
- **Happy and angry** are both loud and lively: a cheerful customer may be taken for an angry one, and
  a resigned one for a neutral one.
- **Short or mixed segments.** Below a second of speech, or with two voices at once, expect guesses.
- **Level.** A call's speech is brought to the training level as a whole. A customer who shouts from
  beginning to end is heard as one who speaks up throughout.
- **Not speech.** Voice activity detection keeps music, ringing and noise away; singing may pass.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, or 3 with one line of reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    options = parser.parse_args(arguments)
    try:
        print(write_card(options.artifacts))
    except CalmscoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
