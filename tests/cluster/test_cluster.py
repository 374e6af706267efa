"""Evaluations on a real local Ray cluster equal those of one process, bit for bit."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest
from click.testing import CliRunner

import spkeras
from spkeras import cluster
from spkeras.cli import main
from spkeras.cluster import worker
from spkeras.cluster.session import connected
from spkeras.cluster.workers import Workers
from spkeras.errors import ClusterError, OptionError
from spkeras.snn.model import build
from tests import networks

ray = pytest.importorskip("ray", reason="pip install spkeras[ray]")
SAMPLES, STEPS = 37, 8


@pytest.fixture(scope="module")
def two_workers():
    """A cluster of this machine with two processors, each a worker's."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def case():
    """(network whose sums round, samples, labels)."""
    cnn = networks.frayed(networks.chain())
    snn = build(networks.spiking(cnn), timesteps=STEPS)
    y = np.random.default_rng(0).integers(0, 5, SAMPLES)
    return snn, networks.samples(cnn, SAMPLES), y


def figures(evaluation):
    """All of a result but the clock's."""
    found = evaluation.to_dict()
    assert found.pop("seconds") > 0
    return found


@pytest.mark.slow
def test_networks_side_by_side_equal_one_process_each(two_workers, case):
    snn, x, y = case
    graded = build(networks.spiking(networks.chain(), recipe="sigma_delta", levels=6), timesteps=4)
    options = {"batch_size": 10, "engine": "dense", "early_exit": 2}
    found = cluster.sweep([snn, graded], x, y, cpus=1, **options)
    wanted = [spkeras.evaluate(net, x, y, **options) for net in (snn, graded)]
    assert [figures(result) for result in found] == [figures(result) for result in wanted]


def test_settings_side_by_side_under_other_engines(two_workers, case):
    pytest.importorskip("numba", reason="events need numba")
    snn, x, y = case
    settings = [{}, {"timesteps": 5, "stagger": 0}, {"schedule": "layer_synchronous"}]
    seen = []
    found = cluster.sweep(
        snn,
        x,
        y,
        settings,
        cpus=1,
        batch_size=20,
        progress=lambda done, of: seen.append((done, of)),
    )
    wanted = [spkeras.evaluate(snn, x, y, batch_size=20, **own) for own in settings]
    assert [figures(result) for result in found] == [figures(result) for result in wanted]
    assert [result.engine for result in found] == ["events", "events", "closed form"]
    work = SAMPLES * (STEPS + 5 + STEPS)
    assert len(seen) == 6 and seen[-1] == (work, work) and seen == sorted(seen)
    assert snn.layers[-1].timesteps == STEPS


def test_the_net_that_was_converted_travels_along(two_workers, case):
    """Of a network of coarse weights: from its file, or by name."""
    _, x, y = case
    cnn = networks.frayed(networks.chain())
    accuracy = (cnn.predict(x, verbose=0).argmax(-1) == y).mean()
    snn = spkeras.convert(cnn, x, timesteps=STEPS, weight_bits=2)
    for options in ({}, {"cnn": cnn}):
        found = cluster.evaluate(snn, x, y, cpus=1, batch_size=10, **options)
        assert figures(found) == figures(spkeras.evaluate(snn, x, y, batch_size=10, **options))
        assert (found.reference, found.cnn_accuracy) == ("CNN", accuracy)
        assert found.agreement[-1] < 1


@pytest.mark.slow
def test_a_killed_worker_costs_time_only(two_workers, case, tmp_path, monkeypatch):
    snn, x, y = case
    killed = tmp_path / "killed"

    def kill():
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            for file in tmp_path.glob("*.pid"):
                killed.write_text(file.stem)
                os.kill(int(file.stem), signal.SIGKILL)
                return
            time.sleep(0.01)

    def run_and_tell(model, configuration, shard):
        """From the second batch on a worker says that it is busy, and waits for somebody's end."""
        if any(tmp_path.glob("*.done")) and not killed.exists():
            (tmp_path / f"{os.getpid()}.pid").touch()
            while not killed.exists():
                time.sleep(0.01)
            time.sleep(0.5)
        part = worker.run_batch(model, configuration, shard)
        (tmp_path / f"{os.getpid()}.done").touch()
        return part

    monkeypatch.setattr("spkeras.cluster.workers.run_batch", run_and_tell)
    thread = threading.Thread(target=kill)
    thread.start()
    found = cluster.evaluate(snn, x, y, cpus=1, batch_size=10, engine="dense")
    thread.join()
    # It was at work and did not come back from it.
    assert (
        not (tmp_path / f"{killed.read_text()}.done").exists()
        or len(list(tmp_path.glob("*.done"))) > 1
    )
    assert figures(found) == figures(spkeras.evaluate(snn, x, y, batch_size=10, engine="dense"))


@pytest.mark.slow
def test_a_batch_that_kills_everybody_is_given_up(two_workers, case, monkeypatch):
    snn, x, y = case

    def dies(model, configuration, shard):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("spkeras.cluster.workers.run_batch", dies)
    monkeypatch.setattr("spkeras.cluster.workers.RETRIES", 1)
    with pytest.raises(ClusterError, match="a batch was lost, 1 repetitions included"):
        cluster.evaluate(snn, x, y, cpus=1)


def test_what_goes_wrong_in_a_worker_is_told_in_one_sentence(two_workers, case, monkeypatch):
    snn, x, y = case
    other = (*worker.versions()[1:], ("spkeras", "0.0.1"))
    monkeypatch.setattr("spkeras.cluster.evaluation.versions", lambda: other)
    with pytest.raises(ClusterError, match="^a worker has spkeras .* for 0.0.1; install") as error:
        cluster.evaluate(snn, x, y, cpus=1)
    assert "Traceback" not in str(error.value)


def test_refused_before_any_work_is_sent(two_workers, case, monkeypatch):
    snn, x, y = case
    monkeypatch.setattr(Workers, "run", None)
    with pytest.raises(OptionError, match="cpus=64; allowed: up to 2, the processors"):
        cluster.evaluate(snn, x, y, cpus=64)
    with pytest.raises(OptionError, match="cpus=0; allowed"):
        cluster.evaluate(snn, x, y, cpus=0)
    with pytest.raises(OptionError, match="timesteps=0"):
        cluster.sweep(snn, x, y, [{}, {"timesteps": 0}])
    with pytest.raises(OptionError, match="at least one of each"):
        cluster.sweep([], x, y)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_nobody_at_the_address(address, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with (
        pytest.raises(ClusterError, match=f"Ray at '{address}': .*; start a cluster"),
        connected(address),
    ):
        pass


def test_without_ray(case, monkeypatch):
    import sys

    snn, x, y = case
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(OptionError, match=r"pip install spkeras\[ray\]"):
        cluster.evaluate(snn, x, y)


@pytest.mark.slow
def test_command_line(two_workers, case, tmp_path):
    snn, x, y = case
    snn.save(tmp_path / "snn.keras")
    np.savez(tmp_path / "d.npz", x=x, y=y)
    words = ["evaluate", str(tmp_path / "snn.keras"), "--data", str(tmp_path / "d.npz"), "--json"]
    words += ["--schedule", "layer_synchronous"]
    runner = CliRunner()
    alone, rayed = (
        json.loads(runner.invoke(main, [*words, *more]).stdout)
        for more in ([], ["--ray-cpus", "1", "--ray"])
    )
    assert alone.pop("seconds") > 0 and rayed.pop("seconds") > 0 and alone == rayed
    refused = runner.invoke(main, [*words, "--ray-cpus", "1"])
    assert refused.exit_code == 1 and "--ray-cpus: needs --ray" in refused.stderr
