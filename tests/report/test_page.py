"""The page of a study: every figure, no script, names as they are; seen in a browser."""

import base64
import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from spkeras.metrics import Activity, energy
from spkeras.metrics.answers import Answers
from spkeras.metrics.sweep import Baseline, Sweep, SweepPoint
from spkeras.report.network import LayerRange
from spkeras.report.page import page
from spkeras.report.png import png
from spkeras.report.study import Study, Train, Watched, image_of
from spkeras.report.verdict import verdict
from tests.facade.test_sweep import by_hand
from tests.report import records

HOSTILE = '<img src=x onerror="alert(1)">{{ 7 * 7 }}$x_{1$'


def answers():
    rng = np.random.default_rng(1)
    outputs = rng.normal(size=(40, 3)).astype("float32")
    cnn = outputs + 0.3 * rng.normal(size=(40, 3)).astype("float32")
    decisions = {"decisions": outputs.argmax(1), "cnn_decisions": cnn.argmax(1)}
    return Answers(
        "out",
        "classification",
        outputs=outputs,
        cnn=cnn,
        targets=rng.integers(0, 3, 40),
        **decisions,
    )


def point(network, accuracy, cost, timesteps):
    names = "deviation spikes spikes_per_neuron operations additions macs membrane_updates seconds"
    return SweepPoint(
        network=network,
        recipe={"recipe": "ecc"},
        timesteps=timesteps,
        latency=timesteps,
        pipelined_latency=timesteps + 2,
        accuracy=accuracy,
        low=accuracy - 0.02,
        high=accuracy + 0.01,
        agreement=accuracy,
        error=None,
        energy=cost,
        arithmetic=cost / 2,
        engine="dense",
        **dict.fromkeys(names.split(), 1.0),
    )


def sweep():
    cnn = Baseline(
        accuracy=0.9, low=0.85, high=0.93, error=None, macs=100, energy=8.0, arithmetic=4.0
    )
    points = (
        point("ecc", 0.8, 2.0, 4),
        point("ecc", 0.89, 4.0, 8),
        point("graded", 0.9, 6.0, 2),
        point("ecc", 0.3, 1.0, 2),
    )
    return Sweep(
        model="net",
        samples=40,
        calibration=10,
        measure="accuracy",
        costs="horowitz-45nm",
        node="45 nm",
        numbers="float32",
        cnn=cnn,
        points=points,
    )


def study(name="layer", **changed):
    evaluation = records.evaluation(answers=(answers(),))
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    spikes = np.zeros((6, 10))
    spikes[2, 3], spikes[4, 5] = 1, -0.5
    watched = Watched(7, 2, 2, 1, image, (Train(name, 200, spikes),))
    layers = (
        LayerRange(name, "conv", (), 100, -0.5, 0.75),
        LayerRange("first[/bold]", "neuron", (name,), 200, 1.0, 1.0),
        LayerRange("<second>", "neuron", (name, "first[/bold]"), 10),
    )
    given = {
        "title": f"net {name}",
        "evaluation": evaluation,
        "energy": energy(evaluation.activity),
        "provenance": {"file": "net.h5", "sha256": "abc123", "command": "spkeras report net.h5"},
        "layers": layers,
        "sweep": sweep(),
        "verification": records.verification(),
        "changed": (watched,),
        "watched": (watched,),
    }
    return Study(**{**given, **changed})


def test_the_page_has_every_figure_and_needs_nothing():
    whole = study()
    text = page(whole)
    for shown in (
        "Nearly keeps the CNN&#39;s accuracy: 60.00 % of 61.25 % at T = 6.",
        *("61.25 %", "57.0 k", "2.50 M", "5.97", "abc123", "spkeras report net.h5"),
        *("horowitz-45nm", "Confusion", "CNN 2 &rarr; SNN 1", "#7", "label 2"),
        "* no other network is at least as good for less energy",
        *("clipping", "mind the &lt;gap&gt;", "clock-driven", "Left out: routing of spikes"),
    ):
        assert shown in text, shown
    assert text.count("<svg") == text.count('role="img"') == 6
    assert "energy a sample: SNN" in text and "uJ of arithmetic and" in text
    # Nothing is loaded; one link leads to the words.
    assert "<script" not in text and re.findall(r"(?:src|href)=.(?!data:)(\S+?).>", text) == [
        "https://spkeras.github.io/spkeras/glossary/"
    ]
    # Data behind a link: what the sweep writes as a file.
    links = re.findall(r'download="([\w.]+)" href="data:text/csv;base64,([^"]+)"', text)
    assert {name for name, _ in links} == {"sweep.csv", "confusion.csv", "layers.csv"}
    data = dict(links)
    assert base64.b64decode(data["sweep.csv"]).decode().count("\n") == 5
    rows = base64.b64decode(data["confusion.csv"]).decode().splitlines()
    numbers = [[int(n) for n in row.split(",")[1:]] for row in rows[1:]]
    np.testing.assert_array_equal(numbers, whole.evaluation.confusion())


def test_every_number_of_the_page_is_in_the_record():
    whole = study()
    record = json.loads(json.dumps(whole.to_dict(), allow_nan=False))
    assert record["schema"] == 1 and record["evaluation"]["activity"]["spikes_per_neuron"] == 5.97
    assert record["confusion"] == whole.evaluation.confusion().tolist()
    assert record["changed"] == [{"sample": 7, "label": 2, "cnn": 2, "snn": 1}]
    assert record["sweep"]["points"][0]["network"] == "ecc"
    assert record["interval"] == list(whole.evaluation.interval())
    assert record["energy"]["snn"]["total"] == whole.energy.snn.total


def test_no_name_breaks_the_page():
    text = page(study(HOSTILE))
    assert "<img src=x" not in text and "{{ 7" in text and "49" not in html.unescape(text)[:200]
    shown = html.unescape(text)
    assert shown.count(HOSTILE[:20]) >= 3
    assert "&lt;second&gt;" in text and "<second>" not in text


def test_a_study_of_one_network():
    bare = study(sweep=None, verification=None, changed=(), watched=(), layers=())
    text = page(bare)
    assert "Quality after T steps" in text and "course.csv" in text
    assert "Spikes of single samples" not in text and "saturated" not in text
    assert len(verdict(bare)) == 2
    silent = page(study(evaluation=records.evaluation(records.regression()), sweep=None))
    assert "Confusion" not in silent and "rms error, T = 6" in silent


def test_many_classes_are_a_list_of_pairs():
    kept = answers()
    wide = np.zeros((40, 30), np.float32)
    many = Answers(
        "out",
        "classification",
        outputs=wide,
        cnn=wide,
        decisions=np.full(40, 3),
        cnn_decisions=np.full(40, 3),
        targets=np.r_[np.full(30, 3), np.full(10, 25)],
    )
    assert kept.outputs.shape[1] == 3
    text = page(study(evaluation=records.evaluation(answers=(many,))))
    assert "Most frequent confusions" in text
    assert re.search(r"<td>25</td>\s*<td>3</td>\s*<td>10</td>", text)


def test_verdicts():
    def first(own, **changed):
        score = records.classification(
            accuracy=np.array([own]), agreement=np.array([own]), cnn_accuracy=0.9
        )
        record = records.evaluation(score, steps=np.array([6]), **changed)
        return verdict(study(evaluation=record, sweep=None, verification=None))[0]

    assert first(0.899).startswith("Keeps the CNN's accuracy: 89.90 % of 90.00 %")
    assert first(0.89).startswith("Nearly keeps")
    assert first(0.7, reference="twin").startswith("Loses part of the twin's accuracy")
    _, cost, other, worst = verdict(study())
    assert "estimated with horowitz-45nm" in cost and "times as much" in cost
    assert "Of 4 networks compared, no other one is better" in other and "graded, T = 2" in other
    assert (
        worst
        == "The layer with the largest error is relu, mostly by quantization: T steps have few levels; more time steps or graded spikes help."
    )
    none = energy(Activity((), 0, 0, 0, 0, cnn_macs=0))
    assert len(verdict(study(energy=none, sweep=None, verification=None))) == 1


def test_one_network_alone_is_compared_with_none():
    alone = study(sweep=by_hand(point("graded", 1.0, 2.0, 4)))
    assert not any("networks compared" in sentence for sentence in verdict(alone))


def test_commands_that_follow_stand_below_the_verdict():
    text = page(study(following=("spkeras convert a.h5 -o 'b<.keras'", "spkeras verify a.h5")))
    begin = text.index("What next")
    assert text.index("Nearly keeps") < begin < text.index('class="figures"')
    assert "spkeras convert a.h5 -o &#39;b&lt;.keras&#39;\nspkeras verify a.h5" in text
    assert "What next" not in page(study())


@pytest.mark.parametrize("steps, shown", [(2, False), (8, True)])
def test_single_spikes_of_short_runs_are_folded_away(steps, shown):
    text = page(study(evaluation=records.evaluation(timesteps=steps)))
    assert ("open><summary>Spikes of single samples" in text) == shown


def test_images_by_hand():
    ramp = np.linspace(-1, 1, 64).reshape(8, 8)
    assert image_of(ramp[..., None]).max() == 255 and image_of(ramp[..., None]).min() == 0
    assert image_of(np.zeros((3, 8, 9))).shape == (8, 9, 3)
    assert image_of(np.zeros((8, 8, 5))) is None and image_of(np.zeros(9)) is None
    pillow = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    import io

    for channels in (1, 3):
        image = np.random.default_rng(2).integers(0, 256, (5, 7, channels)).astype(np.uint8)
        data = base64.b64decode(png(image).split(",")[1])
        found = np.asarray(pillow.open(io.BytesIO(data))).reshape(image.shape)
        np.testing.assert_array_equal(found, image)


BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PROBE = """<!doctype html><body><script>
const page = PAGE, seen = [];
for (const width of [360, 768, 1280]) {
  const frame = document.createElement("iframe");
  frame.style = `width:${width}px;height:900px;border:0`;
  frame.onload = () => {
    const doc = frame.contentDocument;
    if (!doc.querySelector("h1")) return;
    const style = frame.contentWindow.getComputedStyle(doc.body);
    // On a wide window no table scrolls, either.
    const whole = "h1, .say, .figures b" + (width == 1280 ? ", .card" : "");
    const cut = [...doc.querySelectorAll(whole)].filter(e => e.scrollWidth > e.clientWidth + 1);
    seen.push([width, doc.documentElement.scrollWidth, style.backgroundColor, cut.length]);
    document.title = JSON.stringify(seen);
  };
  document.body.append(frame);
  frame.srcdoc = page;
}
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize(("scheme", "colour"), [(1, "rgb(246, 247, 249)"), (0, "rgb(15, 18, 22)")])
def test_in_a_browser_at_three_widths(tmp_path, scheme, colour):
    shown = json.dumps(page(study("a_layer_with_a_long_name" * 6))).replace("</", "<\\/")
    (tmp_path / "probe.html").write_text(PROBE.replace("PAGE", shown))
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000"),
            *(
                f"--blink-settings=preferredColorScheme={scheme}",
                f"--user-data-dir={tmp_path}/user",
            ),
            *("--dump-dom", str(tmp_path / "probe.html")),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stderr[-2000:]
    seen = json.loads(html.unescape(title[1]))
    # Nothing is wider than the window, and no headline is cut.
    assert sorted(width for width, *_ in seen) == [360, 768, 1280]
    for width, needed, background, cut in seen:
        assert needed <= width and background == colour and cut == 0
