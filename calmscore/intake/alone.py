"""Analyse one job in a process of its own: ``python -m calmscore.intake.alone JOB OWNER``.

For a recording during whose analysis a service ended more than once. Should it be the
recording's doing, it takes nothing else down here. The process ends with its input.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing

from calmscore.errors import ArtifactError, NotStoredError, StoreError, leave_tracebacks_out
from calmscore.intake.attempt import attempt
from calmscore.network.classifier import EmotionClassifier, load_classifier
from calmscore.settings import PREFIX
from calmscore.store import Store
from calmscore.store.jobs import read_job

ALONE_COMMAND = (sys.executable, "-m", "calmscore.intake.alone")
EXIT_TRY_AGAIN = os.EX_TEMPFAIL


def exit_code_alone(command: Sequence[str], *, store: Store, stopping: threading.Event) -> int:
    """Run the command on a store, until it ends or everything does; return its exit code."""
    environment = os.environ | {
        f"{PREFIX}DATA_FOLDER": str(store.folder),
        f"{PREFIX}DATABASE_URL": store.database.engine.url.render_as_string(hide_password=False),
    }
    # It ends with this process: then it reads the end of its input.
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        while process.poll() is None and not stopping.wait(0.1):
            pass
    return process.returncode


def main(
    arguments: Sequence[str], *, load: Callable[[], EmotionClassifier] = load_classifier
) -> int:
    """Analyse the job, store how it ended, and return the exit code.

    Parameters
    ----------
    arguments : sequence of str
        The job's id and who holds it.
    load : callable
        Returns the classifier.
    """
    leave_tracebacks_out()
    threading.Thread(target=_end_with_input, daemon=True).start()
    job_id, owner = arguments
    try:
        with closing(Store.from_environment()) as store:
            with store.database.reading() as session:
                job = read_job(session, job_id)
            attempt(job, store=store, classifier=load(), owner=owner)
    except (StoreError, ArtifactError, OSError) as error:
        print(error, file=sys.stderr)
        return EXIT_TRY_AGAIN
    except NotStoredError:
        pass  # deleted meanwhile
    return 0


def _end_with_input() -> None:
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
