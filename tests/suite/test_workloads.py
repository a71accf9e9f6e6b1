"""What a workload may say of its scenario, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from xbench.suite.model import WorkloadSpec


def workload(**keys):
    return WorkloadSpec.model_validate({"name": "w", **keys})


def test_each_scenario_takes_what_is_its_own():
    assert workload().scenario == "SingleStream"
    assert workload(scenario="Offline", batch=32).calls_per_query(32) == 1
    served = workload(scenario="Server", latency_objective="20ms", latency_percentile=0.9)
    assert (served.latency_objective, served.latency_percentile) == (0.02, 0.9)
    assert workload(scenario="Server", latency_objective="20ms").latency_percentile == 0.99


def test_a_multistream_query_has_eight_samples_unless_told():
    assert [workload(scenario="MultiStream").calls_per_query(batch) for batch in (1, 2, 4, 8)] == [8, 4, 2, 1]
    assert workload(scenario="MultiStream", samples_per_query=12, batch=3).calls_per_query(3) == 4


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"samples_per_query": 8}, "samples_per_query goes with scenario MultiStream, not with SingleStream"),
        ({"scenario": "Server"}, "needs latency_objective"),
        ({"scenario": "Offline", "latency_objective": "20ms"}, "go with scenario Server, not with Offline"),
        ({"latency_percentile": 0.9}, "go with scenario Server"),
        ({"scenario": "Server", "latency_objective": "20ms", "samples_per_query": 8}, "MultiStream"),
        ({"scenario": "MultiStream", "batch": 3}, "8 samples cannot be made of batches of 3"),
        ({"scenario": "MultiStream", "batch": 16}, "8 samples cannot be made of batches of 16"),
        ({"scenario": "Server", "latency_objective": 0}, "greater than 0"),
        ({"scenario": "Server", "latency_objective": "20ms", "latency_percentile": 0.5}, "greater than 0.5"),
        ({"scenario": "Server", "latency_objective": "20ms", "latency_percentile": 99}, "less than 1"),
        ({"scenario": "Multistream"}, "MultiStream"),
    ],
)
def test_what_does_not_go_together_is_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        workload(**keys)


def test_a_batch_that_the_file_fixes_is_checked_when_it_is_known():
    with pytest.raises(ValueError, match="batch must divide samples_per_query"):
        workload(scenario="MultiStream").calls_per_query(5)


@pytest.mark.parametrize(
    "spec", [workload(), workload(scenario="Server", latency_objective=1), workload(scenario="MultiStream")]
)
def test_what_is_written_can_be_read_again(spec):
    assert WorkloadSpec.model_validate_json(spec.model_dump_json()) == spec
