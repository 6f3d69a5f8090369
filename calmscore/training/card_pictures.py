"""The model card's pictures, drawn from the stored figures with Matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calmscore.emotions import EMOTIONS
from calmscore.errors import ArtifactError
from calmscore.locations import install_command
from calmscore.training.metrics import CALIBRATION_BINS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONFUSION_PICTURE = "confusion_matrix.png"
RELIABILITY_PICTURE = "reliability.png"
# By hue and by lightness, so that they differ on paper and to colour-blind people.
_CONDITIONS = {"clean": ("Clean", "#0B3C5D", "o"), "telephone": ("Telephone", "#E08A1E", "s")}
_STYLE: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titlepad": 12,
    "savefig.dpi": 150,
}
# Above this share, a cell of the colour map is dark.
_DARK_SHARE = 0.5


def draw_pictures(figures: dict[str, Any], folder: Path) -> None:
    """Draw the confusion matrices and the reliability diagram, clean and telephone.

    Parameters
    ----------
    figures : dict
        Of the section ``overall`` of ``evaluation.json``.
    folder : Path
        Gets ``confusion_matrix.png`` and ``reliability.png``, on white.

    Raises
    ------
    ArtifactError
        If Matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ArtifactError(
            f"the card's pictures need Matplotlib; install it with: {install_command('training')}"
        ) from error
    with matplotlib.rc_context(_STYLE):
        for name, size, draw in (
            (CONFUSION_PICTURE, (6.4, 11.6), _draw_confusion),
            (RELIABILITY_PICTURE, (6.4, 6.8), _draw_reliability),
        ):
            layout = ConstrainedLayoutEngine(h_pad=0.15, w_pad=0.15)
            figure = Figure(figsize=size, layout=layout, facecolor="white")
            draw(figure, figures)
            # Without the library's version, the same figures give the same bytes.
            figure.savefig(folder / name, metadata={"Software": None})


def _draw_confusion(figure: Figure, figures: dict[str, Any]) -> None:
    for axes, (name, (title, _, _)) in zip(figure.subplots(2), _CONDITIONS.items(), strict=True):
        counts = np.array(figures[name]["confusion"])
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        axes.set_title(f"{title}: % of the row, clips below")
        axes.set_xlabel("heard as")
        axes.set_ylabel("intended")
        axes.set_xticks(range(len(EMOTIONS)), EMOTIONS)
        axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
        axes.tick_params(length=0)
        for row, column in np.ndindex(*counts.shape):
            _write_cell(axes, row, column, shares[row, column], int(counts[row, column]))


def _write_cell(axes: Axes, row: int, column: int, share: float, count: int) -> None:
    colour = "white" if share > _DARK_SHARE else "#1D2A30" if count else "#7A868B"
    centred: dict[str, Any] = {"ha": "center", "va": "center", "color": colour}
    axes.text(column, row - 0.12, f"{100 * share:.0f}", fontsize=15, **centred)
    axes.text(column, row + 0.25, f"{count}", fontsize=11, **centred)


def _draw_reliability(figure: Figure, figures: dict[str, Any]) -> None:
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 100], [0, 100], color="#7A868B", linestyle="--", label="as it should be")
    for offset, (name, (title, colour, marker)) in zip(
        (-1.1, 1.1), _CONDITIONS.items(), strict=True
    ):
        confidence, accuracy, share = np.array(figures[name]["reliability"]).T
        centre = (np.floor(confidence * CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS
        error = figures[name]["expected_calibration_error"]
        label = f"{title.lower()} (error {error:.1%})"
        upper.plot(100 * confidence, 100 * accuracy, color=colour, linewidth=1)
        # A dot's area tells the share of clips: few clips prove little.
        size = 12 + 700 * share
        dots: dict[str, Any] = {"color": colour, "marker": marker, "edgecolor": "white"}
        upper.scatter(100 * confidence, 100 * accuracy, size, label=label, zorder=3, **dots)
        lower.bar(100 * centre + offset, 100 * share, width=2.2, color=colour)
    upper.set(
        xlim=(0, 102), ylim=(-2, 104), ylabel="right, %", title="Confidence and what came true"
    )
    lower.set(xlabel="model's confidence, %", ylabel="clips, %")
    upper.legend(loc="upper left", frameon=False, markerscale=0.8)
    for axes in (upper, lower):
        axes.grid(color="#E3E9EB")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
