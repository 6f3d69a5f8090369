import os
import threading

import pytest

from calmscore.errors import CorpusError
from calmscore.training.corpora.processes import map_in_processes


def test_results_come_from_other_processes_in_the_order_of_the_tasks():
    results = list(map_in_processes(divmod_by_three, [5, 2, 9], workers=2))
    assert [result for result, _ in results] == [(1, 2), (0, 2), (3, 0)]
    assert os.getpid() not in {process for _, process in results}


def test_a_process_that_is_ended_ends_the_work_with_a_reason():
    with pytest.raises(CorpusError, match="fewer --workers"):
        list(map_in_processes(os._exit, [1], workers=1))
    assert not [t for t in threading.enumerate() if "Executor" in t.name]


def divmod_by_three(number):
    return divmod(number, 3), os.getpid()
