"""Named corpora: fetching them over a connection that fails in every way, and what `microgpt data` tells."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.data import catalog, download
from microgpt.data.catalog import CATALOG, FetchError, NamedCorpus, cached_path, fetch, keep_file
from microgpt.data.corpus import CorpusError, load_corpus
from microgpt.tools.cli import cli

CONTENT = b"".join(b"name%d\n" % number for number in range(30_000))


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "TIMEOUT", 2.0)
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)


class Home:
    """A server whose answers a test decides, one after the other; the last one goes on."""

    def __init__(self) -> None:
        self.answers: list[Callable[[BaseHTTPRequestHandler, int], None]] = [whole]
        self.ranges: list[str | None] = []

        home = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                home.ranges.append(asked)
                start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
                answer = home.answers.pop(0) if len(home.answers) > 1 else home.answers[0]
                answer(self, start)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/names.txt"
        self.corpus = NamedCorpus("test", "", "", self.url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, length: int, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def whole(handler: BaseHTTPRequestHandler, start: int, most: int = len(CONTENT), content: bytes = CONTENT) -> None:
    body = content[start:]
    headers = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    send(handler, 206 if start else 200, body[:most], len(body), **headers)


def broken(most: int) -> Callable[[BaseHTTPRequestHandler, int], None]:
    """The connection ends after that many bytes."""
    return lambda handler, start: whole(handler, start, most)


def without_ranges(handler: BaseHTTPRequestHandler, start: int) -> None:
    send(handler, 200, CONTENT, len(CONTENT))


def wrong(handler: BaseHTTPRequestHandler, start: int) -> None:
    whole(handler, start, content=CONTENT.replace(b"7", b"8"))


def longer(handler: BaseHTTPRequestHandler, start: int) -> None:
    send(handler, 200, CONTENT * 9, len(CONTENT) * 9)


def status(code: int) -> Callable[[BaseHTTPRequestHandler, int], None]:
    return lambda handler, start: send(handler, code, b"", 0)


@pytest.fixture
def home() -> Iterator[Home]:
    home = Home()
    yield home
    home.server.shutdown()
    home.server.server_close()


def check(path: Path) -> None:
    assert path.read_bytes() == CONTENT
    assert not path.with_suffix(".part").exists()


def test_fetch_once(home: Home):
    told: list[tuple[int, int]] = []
    check(fetch(home.corpus, progress=lambda done, total: told.append((done, total))))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    fetch(home.corpus)
    assert home.ranges == [None]


def test_goes_on_where_it_broke(home: Home):
    home.answers = [broken(1000), broken(50_000), status(503), broken(0), whole]
    check(fetch(home.corpus))
    assert home.ranges == [None, "bytes=1000-", "bytes=51000-", "bytes=51000-", "bytes=51000-"]


def test_goes_on_next_time(home: Home):
    home.answers = [broken(1000), status(503)]
    with pytest.raises(FetchError, match=r"503 .*; without a network, get http.* --from FILE"):
        fetch(home.corpus)
    assert cached_path(home.corpus).with_suffix(".part").read_bytes() == CONTENT[:1000]
    home.answers = [whole]
    check(fetch(home.corpus))
    assert home.ranges[-1] == "bytes=1000-"


def test_a_server_without_ranges(home: Home):
    home.answers = [broken(1000), without_ranges]
    check(fetch(home.corpus))


def test_a_wrong_part_from_before(home: Home):
    part = cached_path(home.corpus).with_suffix(".part")
    part.parent.mkdir(parents=True)
    for content in (b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)):
        part.write_bytes(content)
        check(fetch(home.corpus))
        cached_path(home.corpus).unlink()


def test_a_part_that_the_server_does_not_know(home: Home):
    part = cached_path(home.corpus).with_suffix(".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    home.answers = [status(416), whole]
    check(fetch(home.corpus))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (wrong, "is not the corpus (sha256"),
        (longer, "gives more than the"),
        (status(404), "the server answers 404 Not Found"),
        (broken(0), "the connection"),
    ],
)
def test_what_cannot_be_had(home: Home, answer: Callable[[BaseHTTPRequestHandler, int], None], words: str):
    home.answers = [answer]
    with pytest.raises(FetchError, match=re.escape(words)) as caught:
        fetch(home.corpus)
    assert "without a network, get" in str(caught.value)
    assert not cached_path(home.corpus).exists()


def test_a_damaged_copy_is_fetched_again(home: Home):
    path = fetch(home.corpus)
    path.write_bytes(b"x" + CONTENT[1:])
    check(fetch(home.corpus))


def test_nobody_there(home: Home, monkeypatch: pytest.MonkeyPatch):
    home.server.shutdown()
    home.server.server_close()
    monkeypatch.setitem(CATALOG, "makemore", home.corpus)
    with pytest.raises(CorpusError, match=r"^test could not be fetched: no connection: Connection refused"):
        load_corpus("makemore")
    result = run("train", "--data", "makemore")
    assert result.exit_code == 3
    assert "microgpt data fetch test --from FILE" in result.stderr
    assert result.stderr.count("\n") == 1


def test_by_hand(home: Home, tmp_path: Path):
    file = tmp_path / "mine.txt"
    file.write_bytes(CONTENT[1:])
    with pytest.raises(FetchError, match="is not the corpus test: its sha256 is"):
        keep_file(home.corpus, file)
    file.write_bytes(CONTENT)
    check(keep_file(home.corpus, file))
    check(fetch(home.corpus))
    assert home.ranges == []


def test_addresses_are_of_the_web(home: Home):
    for url in ("file:///etc/hostname", "ftp://127.0.0.1/x"):
        with pytest.raises(FetchError, match="is not the address of a file on the web"):
            fetch(home.corpus, url)


def run(*arguments: object, **more: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], **more)


def test_commands(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(CATALOG, "makemore", home.corpus)
    assert "test       not fetched" in run("data", "list").stdout
    result = run("data", "fetch", "makemore")
    assert result.exit_code == 0, result.stderr
    assert Path(result.stdout.strip()) == cached_path(home.corpus)
    assert "is here already" in run("data", "fetch", "makemore").stderr
    entries = {entry["name"]: entry for entry in json.loads(run("data", "list", "--json").stdout)["corpora"]}
    assert (entries["names"]["state"], entries["test"]["state"]) == ("shipped", "fetched")
    assert load_corpus("makemore").documents[0] == "name0"
    assert run("data", "fetch", "names").exit_code == 2
    result = run("data", "fetch", "makemore", "--from", tmp_path / "nowhere")
    assert result.exit_code == 5


def test_info():
    report = json.loads(run("data", "info", "names", "--json").stdout)
    assert (report["documents"], report["different_documents"], report["vocabulary"]) == (32257, 29693, 27)
    lines = run("data", "info", "-", "--block-size", 4, input="Anna\nBob\n\nBob\n").stdout.splitlines()
    assert "documents: 3" in lines
    assert "different documents: 2" in lines
    assert "alphabet: ABabno" in lines
    assert "cut at block size 4: 1" in lines
    assert run("data", "info", "-", input=b"\xff\n").exit_code == 3


def test_standard_input_is_a_corpus(tmp_path: Path, monkeypatch):
    sizes = ("--n-embd", 4, "--n-head", 2, "--block-size", 4, "--backend", "eager", "--samples", 0)
    text = "anna\nbob\n"
    (tmp_path / "corpus.txt").write_text(text)
    options = ("--steps", 2, "--out", tmp_path / "run")
    piped = run("train", *sizes, *options, "--data", "-", input=text)
    assert piped.exit_code == 0, piped.stderr
    assert piped.stdout == run("train", *sizes, "--steps", 2, "--data", tmp_path / "corpus.txt").stdout
    result = run("train", "--resume", tmp_path / "run")
    assert result.exit_code == 2
    assert "corpus came from standard input; give it again with --data" in result.stderr
    again = ("--resume", tmp_path / "run", "--data", tmp_path / "corpus.txt", "--backend", "eager")
    assert run("train", *again).exit_code == 0


def test_the_catalog_agrees_with_what_is_shipped():
    entry = CATALOG["names"]
    assert load_corpus("names").sha256 == entry.sha256
    assert catalog.CATALOG.keys() == {"names", "makemore"}
