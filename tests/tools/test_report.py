"""`microgpt report`: what the page holds, whatever the corpus or the run; and what a run leaves for it."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

import microgpt
from microgpt.runtime.training.checkpoint import load_checkpoint, save_checkpoint
from microgpt.tools.cli import cli
from microgpt.tools.report.record import read_log
from microgpt.tools.terminal.console import escaped

SIZES = ["--n-embd", "4", "--n-head", "2", "--block-size", "6", "--backend", "eager"]
HOSTILE = [
    '<script>alert("x")</script>',
    "</svg></style><!--",
    "a&b 'q'",
    "x\u2028\u2029y",
    "\u202eabc\u202c",
    "\x1b[31mred",
    "{{ 7*7 }}{% x %}",
    "\u05e9\u05dc",
    "e\u0301",
]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def train(*arguments: object) -> Path:
    result = run("train", *SIZES, "--steps", 6, "--samples", 2, "--out", "run", *arguments)
    assert result.exit_code in (0, 6), result.output
    return Path("run")


def report(*arguments: object) -> str:
    result = run("report", "--backend", "eager", "--samples", 3, *arguments)
    assert result.exit_code == 0, result.output
    return Path(result.stdout.strip()).read_text("utf-8")


class Page(HTMLParser):
    """Tags, attributes and texts of a page; fails if a tag is closed that is not open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attributes)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def check(page: str) -> Page:
    """What must hold of every page."""
    found = Page(page)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & {*found.tags}
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert not [value for name, value in found.attributes if name in ("href", "src") and not value.startswith("#")]
    assert "url(" not in page
    assert "@import" not in page
    assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "").replace("http-equiv", "")
    assert not [letter for letter in page if not letter.isprintable() and letter != "\n"]
    for drawn in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        root = ElementTree.fromstring(drawn)
        assert root.get("role") == "img"
        assert len(root.get("aria-label", "")) > 20
        titles = [element for element in root if element.get("class") == "title"]
        assert len(titles) == 1
    assert found.tags.count("svg") == found.tags.count("figure") == found.tags.count("figcaption")
    return found


@pytest.mark.slow
def test_a_page_shows_all_of_a_run():
    folder = train("--eval-fraction", 0.01)
    page = report(folder, "--text", "emma", "--text", "abcdefgh")
    found = check(page)
    assert "What is missing" not in page
    assert [text for text in found.texts if text.startswith("Reading")]
    for words in (
        "Loss at each step of training",
        "What is expected at each position",
        "Attention in layer 0",
        "Characters, by their embeddings (wte)",
        "Positions, by their embeddings (wpe)",
        "Weights, matrix by matrix",
        "the text “abcdefgh”, window 2 of 2",
        "loss of what was held out",
    ):
        assert words in page
    assert page.count("agree on it, position by position, to the last bit") == 3
    model = load_checkpoint(folder / "checkpoint.safetensors")
    samples = run("train", *SIZES, "--steps", 6, "--samples", 2, "--eval-fraction", 0.01).stdout.splitlines()[-2:]
    assert [escaped(line.partition(": ")[2]) or "(empty)" for line in samples] == re.findall(
        r"<li><bdi>(.*?)</bdi></li>", page
    )[:2]
    assert f"A model of {len(model.parameters):,} weights, trained on names for 6 steps." in page


def test_figures_as_json():
    folder = train()
    result = run("report", folder, "--backend", "eager", "--text", "emma", "--json")
    figures = json.loads(result.stdout)
    assert (figures["schema"], figures["version"]) == ("microgpt.report", 1)
    assert not (folder / "report.html").exists()
    assert figures["loss"]["steps"] == [1, 2, 3, 4, 5, 6]
    log = [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert figures["loss"]["losses"] == log
    (window,) = figures["texts"][0]["windows"]
    predicted = json.loads(run("eval", folder, "--backend", "eager", "--text", "emma", "--json").stdout)
    assert window["loss"] == predicted["texts"][0]["document_loss"]
    assert figures["texts"][0]["same_bits"] is True
    for row in (row for layer in window["attention"] for head in layer for row in head):
        assert sum(row) == pytest.approx(1.0)
    assert len(figures["embeddings"]["wte"]["points"]) == 27
    assert len(figures["samples"]["texts"]) == 20


def test_hostile_texts_do_no_harm():
    Path("corpus.txt").write_text("\n".join(HOSTILE * 2), encoding="utf-8")
    texts = [*HOSTILE, ""]
    page = report(train("--data", "corpus.txt"), *(word for text in texts for word in ("--text", text)))
    found = check(page)
    for text in texts:
        named = f"the text “{escaped(text)}”" if text else "the empty text"
        assert named + (f", window 1 of {-(-(len(text) + 1) // 6)}" if len(text) > 5 else "") in found.texts
    ElementTree.parse("run/loss.svg")


def test_hostile_configurations_do_no_harm():
    folder = train()
    config = json.loads((folder / "config.json").read_text())
    config["options"] = {HOSTILE[0]: HOSTILE[1], "\ud800": ["\x00", {"a": "</td>"}], "temperature": float("inf")}
    config["data"] = {"name": HOSTILE[0]}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "result.json").write_text(json.dumps({"outcome": HOSTILE[0], "message": [HOSTILE[1]], "held_out": 3}))
    found = check(report(folder))
    assert HOSTILE[0] in found.texts
    assert run("report", folder, "--backend", "eager", "--json").exit_code == 0


def test_the_same_run_gives_the_same_bytes():
    folder = train()
    page = report(folder, "--text", "emma")
    command = [
        sys.executable,
        "-m",
        "microgpt",
        "report",
        "run",
        "--backend",
        "eager",
        "--samples",
        "3",
        "--text",
        "emma",
    ]
    for seed in ("0", "1"):
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
        assert (folder / "report.html").read_text("utf-8") == page


def test_partial_runs_are_reported():
    folder = train()
    last = report("--text", "emma", "-o", "last.html")
    check(last)
    assert "There is no log" in last
    assert "Attention in layer 0" in last
    for name, sentence in (
        ("result.json", "There is no result.json"),
        ("config.json", "There is no config.json"),
        ("log.jsonl", "The log cannot be read (No such file or directory)"),
    ):
        (folder / name).unlink()
        page = report(folder, "--text", "emma")
        check(page)
        assert sentence in page
        assert "Attention in layer 0" in page
    assert "trained on names for 6 steps" in page


def test_a_run_without_a_model_is_reported():
    Path("old").mkdir()
    lines = ['{"step": 1, "loss": 3.5}', '{"step": 2, "loss": 3.0}', '{"step": 3, "lo']
    Path("old/log.jsonl").write_text("\n".join(lines))
    page = report("old")
    check(page)
    assert "Line 3 of the log is damaged; what follows is left out." in page
    assert "There is no sound checkpoint, and so no model to look into." in page
    assert "A model, trained for 2 steps." in page


def test_a_diverged_run_tells_where():
    folder = train("--learning-rate", "1e300", "--save-every", 1)
    result = json.loads((folder / "result.json").read_text())
    assert (result["outcome"], result["step"]) == ("diverged", 1)
    page = report(folder)
    check(page)
    assert "Training came to a number that is not finite: step 2, document &#39;" in page
    assert "1 of 6 steps" in page
    figures = json.loads(run("report", folder, "--backend", "eager", "--json", "--text", "emma").stdout)
    assert figures["result"] == result


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e200, 1.7e308])
def test_wild_weights_are_reported(number: float):
    train()
    model = load_checkpoint("run/checkpoint.safetensors")
    model.parameters[5] = number
    save_checkpoint("wild.safetensors", model)
    page = report("wild.safetensors", "--text", "emma")
    check(page)
    assert "There is no picture of wte" in page
    assert run("report", "wild.safetensors", "--backend", "eager", "--text", "emma", "--json").exit_code == 0
    assert run("eval", "wild.safetensors", "--backend", "eager", "--text", "emma", "--trace", "--json").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 3, "no model has been trained here yet; run `microgpt train`, or name a run"),
        (("nowhere",), 3, "nowhere: no such file"),
        (("empty",), 3, "empty is not the folder of a run"),
        (("run", "--text", "Emma"), 3, "no token for 'E' in 'Emma'; did you mean 'emma'?"),
        (("run", "-o", "no/where.html"), 5, "-o no/where.html cannot be written: there is no folder no"),
    ],
)
def test_errors(arguments: tuple[str, ...], code: int, words: str):
    Path("empty").mkdir()
    if arguments[:1] == ("run",):
        train()
    result = run("report", "--backend", "eager", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_run_from_python_tells_how_it_ended():
    sizes = {"n_embd": 4, "n_head": 2, "block_size": 6, "backend": "eager"}
    microgpt.train(["ab", "ba"], steps=3, out="python", **sizes)
    assert json.loads(Path("python/result.json").read_text())["outcome"] == "finished"
    page = report("python")
    check(page)
    assert "What is missing" not in page
    with pytest.raises(ArithmeticError):
        microgpt.train(["ab", "ba"], steps=9, learning_rate=1e300, out="hot", **sizes)
    assert "Training came to a number that is not finite: step " in report("hot")


def test_logs_are_read_as_far_as_they_are_sound(tmp_path: Path):
    path = tmp_path / "log"
    for content, expected in (
        ('{"step": 1, "loss": 2.0}\n{"step": 3, "loss": 1.5}\n', ([1, 3], [2.0, 1.5], "")),
        ('{"step": 1, "loss": 2.0}\n{"step": 1, "loss": 1.5}\n', ([1], [2.0], "Line 2 of the log is damaged")),
        ('{"step": 1, "loss": NaN}\n', ([], [], "Line 1 of the log is damaged")),
        ("[" * 100_000, ([], [], "Line 1 of the log is damaged")),
        ("", ([], [], "The log has no steps.")),
    ):
        path.write_text(content)
        steps, losses, complaint = read_log(path)
        assert (steps, losses) == expected[:2]
        assert complaint.startswith(expected[2])


def test_a_resumed_run_has_the_curve_of_all_its_steps():
    train("--save-every", 2)
    whole = Path("run/loss.svg").read_bytes()
    result = Path("run/result.json").read_bytes()
    Path("run/checkpoint.safetensors").unlink()
    Path("run/checkpoints/step-6.safetensors").unlink()
    assert run("train", "--resume", "run", "--backend", "eager").exit_code == 0
    assert Path("run/loss.svg").read_bytes() == whole
    assert Path("run/result.json").read_bytes() == result


def _on_a_terminal(*arguments: object, **environment: str) -> str:
    """What a command writes on a terminal of 80 columns."""
    pty = pytest.importorskip("pty")  # Windows has none
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "microgpt", *map(str, arguments)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24", "PYTHONUTF8": "1", **environment}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment):
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # nobody has the other end any more
                break
            if not part:
                break
            written += part
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def test_training_on_a_terminal_shows_a_curve():
    plain = run("train", *SIZES, "--steps", 40, "--samples", 1).stdout.splitlines()
    shown = _on_a_terminal("train", *SIZES, "--steps", 40, "--samples", 1)
    letters = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    lines = letters.splitlines()
    assert [line for line in lines if line.startswith("step ")] == [line for line in plain if line.startswith("step ")]
    assert [line for line in plain if line not in lines] == []
    assert "40 of 40 steps" in letters
    assert "┤" in letters
    assert any("⠀" < letter <= "⣿" for letter in letters)
    assert max(len(line) for line in lines if line[:8].strip() or "│" in line) <= 80


def test_no_curve_where_it_cannot_be_shown():
    command = ("train", *SIZES, "--steps", 3, "--samples", 0)
    for shown in (_on_a_terminal(*command, TERM="dumb"), _on_a_terminal(*command, "-q")):
        assert "┤" not in shown
        assert "\x1b" not in shown
        assert shown.count("step ") == 3
