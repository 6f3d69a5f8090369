"""What the service reads and answers about the model: predictions and trainings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from calmscore.analysis.report import ModelInfo
from calmscore.emotions import EMOTIONS, EmotionName
from calmscore.service.documents import EXAMPLE_JOB_ID, JOB_ID, Document, ErrorInfo
from calmscore.store.jobs import JobState


def _whole(number: Any) -> Any:
    """Take 8.0 for 8, which it is in JSON."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Whole = BeforeValidator(_whole)

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class PredictionDocument(Document):
    """How one clip sounds to the model."""

    model_config = ConfigDict(
        title="Prediction",
        json_schema_extra={
            "examples": [
                {
                    "file_name": "clip.wav",
                    "duration_seconds": 2.8,
                    "speech_seconds": 2.1,
                    "emotion": EMOTIONS[0],
                    "probabilities": dict(
                        zip(EMOTIONS, (0.81, 0.07, 0.04, 0.05, 0.02, 0.01), strict=True)
                    ),
                    "model": {"name": "calmscore", "version": "1.0.0", "sha256": "9f86d081"},
                }
            ]
        },
    )

    file_name: str
    duration_seconds: float
    speech_seconds: float
    emotion: EmotionName
    probabilities: dict[EmotionName, Probability]
    model: ModelInfo


class TrainingRequest(BaseModel):
    """What to train on, and how; what is left out is as for the shipped model."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"training_set": "crema_d", "version": "1.1.0", "epochs": 8}]
        },
    )

    training_set: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
            description="Folder in CALMSCORE_TRAINING_FOLDER that holds train/ and validation/.",
        ),
    ]
    version: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$", description="Of the model to be trained."
        ),
    ]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1), Whole] | None = None
    head_epochs: Annotated[int, Field(ge=0, le=200), Whole] | None = None
    epochs: Annotated[int, Field(ge=1, le=200), Whole] | None = None
    batch_size: Annotated[int, Field(ge=1, le=1024), Whole] | None = None
    head_rate: Annotated[float | None, Field(gt=0.0, le=1.0)] = None
    encoder_rate: Annotated[float | None, Field(gt=0.0, le=1.0)] = None
    copies: Annotated[int, Field(ge=1, le=100), Whole] | None = None


class TrainingDocument(Document):
    """A training, under way or ended."""

    model_config = ConfigDict(
        title="Training",
        json_schema_extra={
            "examples": [
                {
                    "id": EXAMPLE_JOB_ID,
                    "state": "running",
                    "training_set": "crema_d",
                    "version": "1.1.0",
                    "artifacts": f"training/{EXAMPLE_JOB_ID}/artifacts",
                    "log": ["epoch 1: loss 1.42"],
                    "metrics": None,
                    "error": None,
                    "created_at": "2026-03-02T13:05:07Z",
                    "finished_at": None,
                }
            ]
        },
    )

    id: Annotated[str, Field(pattern=JOB_ID)]
    state: JobState
    training_set: str
    version: str
    artifacts: Annotated[str, Field(description="Folder of the new model, in the data folder.")]
    log: Annotated[list[str], Field(description="Last lines of the training's log.")]
    metrics: Annotated[dict[str, Any] | None, Field(description="Once it is done.")]
    error: ErrorInfo | None
    created_at: datetime
    finished_at: datetime | None
