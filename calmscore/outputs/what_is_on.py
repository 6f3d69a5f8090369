"""What an installation does with people's data, as it is set up now."""

from __future__ import annotations

from calmscore.analysis.call_score import VOICE_AND_WORDS
from calmscore.settings import Environment
from calmscore.store import Store
from calmscore.store.keys import list_keys
from calmscore.store.settings import Settings


def what_is_on(
    store: Store, settings: Settings, environment: Environment, *, sign_in: bool
) -> dict[str, str]:
    """Return what is on, for people: for an impact assessment, or a works council.

    Parameters
    ----------
    store : Store
        Where keys are.
    settings : Settings
        What is set on the page.
    environment : Environment
        What is set for the process.
    sign_in : bool
        Whether people come in by sign-in.

    Returns
    -------
    dict of str to str
        Each thing, and how it stands.
    """
    return {
        "Customers' emotions": "estimated in every call that comes in",
        "Agents' emotions": "never estimated; this cannot be switched on",
        "Words": _words(environment),
        "Scores": "made of voice and words, where there are words"
        if settings.score_from == VOICE_AND_WORDS
        else "made of the voice alone",
        "Recordings": f"kept {_days(settings.audio_days)}" if settings.audio_days else "not kept",
        "Reports": f"kept {_days(settings.report_days)}",
        "File names": "agent, customer or time are read from them"
        if settings.file_name_pattern
        else "nothing is read from them",
        "Sign-in": "on; a group decides what people may do"
        if sign_in
        else "off; the dashboard answers this machine alone",
        "Keys of the HTTP service": _keys(store),
        "Alerts": _alerts(environment),
        "Training over HTTP": "on" if environment.training_folder else "off",
        "Data": f"in a database of its own, and recordings in {environment.data_folder}"
        if environment.database_url
        else f"in {environment.data_folder}",
    }


def _words(environment: Environment) -> str:
    if not environment.writes_words:
        return "not written down"
    model = environment.transcriber or "the model that comes with Calmscore"
    return f"of both sides, written down by {model}"


def _alerts(environment: Environment) -> str:
    if not environment.allowed_hosts:
        return "on the list “To listen to” alone; nothing is sent"
    ways = "webhooks and e-mail" if environment.smtp_host else "webhooks"
    return f"{ways} may go to {', '.join(environment.allowed_hosts)}"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _keys(store: Store) -> str:
    with store.database.reading() as session:
        keys = [key for key in list_keys(session) if not (key.revoked_at or key.is_over())]
    if not keys:
        return "none"
    endless = sum(key.expires_at is None for key in keys)
    return f"{len(keys)}" + (f", {endless} of them without an end" if endless else "")
