"""`spkeras convert`: what it writes, and what it refuses."""

import json
import shlex

import keras
import numpy as np
import pytest

import spkeras
from spkeras.snn.model import loop_of


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(run, cnn, here):
    """Runs a conversion that must fail, and leave nothing behind."""

    def convert(*args, model=cnn, code=1):
        before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
        result = run("convert", model, *args)
        assert result.exit_code == code and not result.stdout
        after = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
        assert after == before
        return result.stderr

    return convert


def npz(here, x, **arrays):
    np.savez(here / "d.npz", x=x, **arrays)
    return here / "d.npz"


def test_default_output_and_next_command(run, cnn, data, here):
    result = run("convert", cnn, "--data", data, "--timesteps", 4, "--scale", 2)
    assert result.exit_code == 0 and not result.stderr
    assert [path.name for path in here.iterdir()] == ["tiny_snn.keras"]
    assert "softmax left out" in result.stdout
    assert "20 samples" in result.stdout
    # Why this recipe, and what else there is; not where a recipe is given.
    assert "hint: recipe ecc is the default" in result.stdout
    assert "`spkeras sweep" in result.stdout and "--recipe sigma_delta" in result.stdout
    next_one = result.stdout.splitlines()[-1].removeprefix("next: spkeras ")
    assert "--scale 2" in next_one
    evaluated = run(*shlex.split(next_one))
    assert evaluated.exit_code == 0 and "T = 4" in evaluated.stdout


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_written_network_is_the_converted_one(run, cnn, data, here, suffix):
    output = here / f"out{suffix}"
    assert run("convert", cnn, "-o", output, "--data", data, "--timesteps", 4).exit_code == 0
    x = np.load(data)["x_train"][..., None]
    direct = spkeras.convert(keras.models.load_model(cnn), x, timesteps=4)
    stored = keras.models.load_model(output, compile=False)
    np.testing.assert_array_equal(stored.predict(x, verbose=0), direct.predict(x, verbose=0))


ECC = {
    "timesteps": 5,
    "percentile": 99.0,
    "neuron": "burst",
    "max_spikes_per_step": 2,
    "reset": "subtract",
    "initial_potential": 0.25,
    "readout": "spikes",
    "weight_bits": 6,
    "seed": 3,
    "stagger": 1,
    "input_encoding": "regular",
    "schedule": "clock_driven",
    "batch_size": 7,
    "recipe": "ecc",
}
GRADED = {
    "recipe": "ecc",
    "neuron": "multi_threshold",
    "spike_code": "differential",
    "levels": 6,
    "mantissa_bits": 1,
    "thresholds": "mse",
    "levels_above_scale": 0,
    "timesteps": 3,
    "batch_size": 7,
}
AUTO = {"recipe": "auto", "spikes": "graded", "timesteps": 2, "batch_size": 7}


@pytest.mark.parametrize("chosen", [ECC, GRADED, AUTO], ids=["ecc", "graded", "auto"])
def test_options_reach_the_facade(run, cnn, data, here, monkeypatch, chosen):
    seen = {}
    real = spkeras.convert

    def convert(model, x, recipe, **given):
        settings = given["simulation"].get_config()
        own = {name: value for name, value in given.items() if name != "simulation"}
        seen.update(own, recipe=recipe, samples=len(x))
        seen.update({name: value for name, value in settings.items() if name in chosen})
        # Trying them all is for the tests of the library.
        return real(
            model,
            x,
            *(() if recipe == "auto" else (recipe,)),
            **({} if recipe == "auto" else given),
        )

    monkeypatch.setattr(spkeras, "convert", convert)
    words = [w for key, value in chosen.items() for w in (f"--{key.replace('_', '-')}", value)]
    assert run("convert", cnn, "--data", data, "--per-layer", "--samples", 9, *words).exit_code == 0
    seen.pop("progress")
    assert seen == {**chosen, "per_channel": False, "samples": 9}


def test_what_is_not_given_is_left_to_the_recipe(run, cnn, data, here, monkeypatch):
    seen = {}
    real = spkeras.convert
    monkeypatch.setattr(
        spkeras, "convert", lambda m, x, *r, **o: seen.update(o) or real(m, x, *r, **o)
    )
    assert run("convert", cnn, "--data", data).exit_code == 0
    assert set(seen) == {"batch_size", "progress", "simulation"}
    assert seen["simulation"] == spkeras.Simulation()
    assert loop_of(keras.models.load_model(here / "tiny_snn.keras")).timesteps == 64


def test_graded_spikes_by_their_recipe_alone(run, cnn, data, here):
    result = run("convert", cnn, "--data", data, "--recipe", "sigma_delta")
    assert result.exit_code == 0 and not result.stderr
    # One layer of neurons: one step more where each layer takes one.
    assert "T = 4, clock_driven, latency 4 steps (5 pipelined)" in result.stdout
    assert "recipe sigma_delta, neuron sigma_delta, spike_code delta" in result.stdout
    assert "max_spikes" not in result.stdout and "reset" not in result.stdout
    loop = loop_of(keras.models.load_model(here / "tiny_snn.keras"))
    assert (loop.timesteps, loop.spike_code) == (4, "delta")


def test_a_layer_that_needs_values_converts_with_graded_spikes(run, unsupported, data, here):
    words = ("--data", data, "-o", here / "out.keras")
    assert "in_the_way" in run("convert", unsupported, *words).stderr
    assert run("convert", unsupported, *words, "--recipe", "sigma_delta").exit_code == 0


def test_options_that_do_not_go_together(data, refused):
    assert "spike_code='rate'" in refused(
        "--data", data, "--recipe", "sigma_delta", "--spike-code", "rate"
    )
    assert "spikes='graded'" in refused("--data", data, "--spikes", "graded")


def test_existing_output_needs_force(run, cnn, data, here, refused):
    (here / "tiny_snn.keras").write_text("precious")
    assert "--force" in refused("--data", data)
    assert run("convert", cnn, "--data", data, "--timesteps", 4, "--force").exit_code == 0
    assert loop_of(keras.models.load_model(here / "tiny_snn.keras")).timesteps == 4


def test_failed_write_leaves_nothing(data, refused, monkeypatch):
    def save(self, path, *args, **kwargs):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", save)
    assert "No space left" in refused("--data", data)


@pytest.mark.parametrize("output", ["out.txt", "out", "out.npz"])
def test_other_suffixes_are_usage_errors(data, refused, output):
    assert ".hdf5" in refused("--data", data, "-o", output, code=2)


def test_missing_folder_is_reported_before_any_work(data, refused, monkeypatch):
    monkeypatch.setattr("spkeras.cli.convert.CnnReader.read", None)
    assert "the folder missing does not exist" in refused("--data", data, "-o", "missing/out.keras")


@pytest.mark.parametrize(
    "option",
    [
        ("--timesteps", 0),
        ("--percentile", 0),
        ("--neuron", "lif"),
        ("--weight-bits", 1),
        ("--recipe", "magic"),
        ("--spike-code", "morse"),
        ("--levels", 25),
        ("--mantissa-bits", 4),
        ("--thresholds", "guess"),
        ("--spikes", "many"),
        ("--levels-above-scale", -1),
        ("--mean", "a,b"),
        ("--replace", "lambda"),
        ("--samples", 0),
        ("--scale", 0),
    ],
)
def test_values_out_of_range_are_usage_errors(data, refused, option):
    assert str(option[0]) in refused("--data", data, *option, code=2)


def test_nan(here, refused):
    x = np.zeros((3, 6, 6))
    x[1, 0, 0] = np.nan
    assert "NaN or infinity in 1 of 3 samples" in refused("--data", npz(here, x))


def test_wrong_shape(here, refused):
    message = refused("--data", npz(here, np.zeros((3, 5, 6))))
    assert "(5, 6)" in message and "(6, 6, 1)" in message


def test_unreadable_data(here, refused):
    (here / "d.npz").write_bytes(b"PK\x03\x04 and no more")
    assert "cannot be read as .npz" in refused("--data", here / "d.npz")
    assert "no such data" in refused("--data", "nowhere")


def test_unsupported_layer_is_named(data, refused, unsupported):
    assert "in_the_way" in refused("--data", data, model=unsupported)


def test_files_that_are_no_cnn(data, refused, here, cnn, snn):
    (here / "text.h5").write_text("no model")
    assert "neither HDF5 nor zip" in refused("--data", data, model=here / "text.h5")
    keras.models.load_model(cnn).save_weights(here / "only.weights.h5")
    assert "weights only" in refused("--data", data, model=here / "only.weights.h5")
    message = refused("--data", data, model=snn)
    assert "is a spiking network; allowed: a CNN" in message and "spkeras evaluate" in message


def test_raw_pixels_are_noted(run, cnn, here):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 6), dtype=np.uint8)
    result = run("convert", cnn, "--data", npz(here, pixels), "--timesteps", 2)
    assert result.exit_code == 0 and "--scale 255" in result.stderr
    scaled = run("convert", cnn, "--data", here / "d.npz", "--scale", 255, "--force")
    assert scaled.exit_code == 0 and not scaled.stderr


def test_architecture_for_a_weights_file(run, cnn, data, here):
    model = keras.models.load_model(cnn)
    model.save_weights(here / "w.weights.h5")
    (here / "plan.json").write_text(model.to_json())
    words = ("--architecture", here / "plan.json", "--data", data)
    assert run("convert", here / "w.weights.h5", *words).exit_code == 0


def test_json_describes_what_was_written(run, cnn, data, here):
    done = run("convert", cnn, "--data", data, "--timesteps", 4, "--json")
    found = json.loads(done.stdout)
    assert found["output"] == "tiny_snn.keras" and found["calibration"] == 20
    assert found["settings"]["recipe"] == "ecc" and found["neurons"] == 64
    shown = json.loads(run("info", "tiny_snn.keras", "--json").stdout)
    assert {**found, **shown} == found
