"""The assembly is that of the code that runs, and its lines know the C that they come from."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.machine.assembly import Assembly, assembly, read_listing
from microgpt.runtime.machine.find_toolchain import find_toolchain
from microgpt.runtime.machine.toolchain import Toolchain, ToolchainError
from microgpt.runtime.programs.c_source import ModelSource, model_source
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.provenance.chain import Chain
from microgpt.tools.subject.model import ModelSubject

CONFIG = GPTConfig(vocab_size=5, n_layer=1, n_embd=8, n_head=2, block_size=2)


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    try:
        return find_toolchain()
    except ToolchainError as error:
        pytest.skip(f"not checked: {error}")


@pytest.fixture(scope="module")
def source() -> ModelSource:
    return model_source(CONFIG, AdamConfig())


@pytest.fixture(scope="module")
def listing(toolchain: Toolchain, source: ModelSource) -> Assembly:
    return assembly(toolchain, source.text, source.body_line + 1)


def instructions(lines: Sequence[str]) -> list[str]:
    """Without labels, whose numbers a debugger's labels shift, and directives."""
    return [re.sub(r"\.L\w+", ".L", line) for line in lines if line.startswith("\t") and not line.startswith("\t.")]


def test_line_numbers_change_no_instruction(
    toolchain: Toolchain, source: ModelSource, listing: Assembly, tmp_path: Path
) -> None:
    file, plain = tmp_path / "model.c", tmp_path / "plain.s"
    file.write_text(source.text)
    subprocess.run([*toolchain.command, *toolchain.flags, "-fPIC", "-S", file, "-o", plain], check=True)
    without = instructions(read_listing(plain.read_text(), "model.c").lines)
    assert len(without) > 1000
    assert instructions(listing.lines) == without


def test_every_instruction_of_a_kernel_comes_from_its_lines(source: ModelSource, listing: Assembly) -> None:
    spans = {span.name: span for span in source.body.kernels}
    found = 0
    for line, owner, number in zip(listing.lines, listing.owner, listing.function, strict=True):
        span = spans.get(listing.functions[number].partition(".")[0]) if number >= 0 else None
        if span is not None and not line.startswith("\t."):
            # Lines of the body count from 0 and come after `body_line` others; those of the assembly count from 1.
            assert span.start <= owner - 1 - source.body_line < span.end, line
            found += 1
    assert found > 100


def test_what_is_inlined_is_told_from_what_it_is_inlined_in(source: ModelSource, listing: Assembly) -> None:
    helpers = [place for place, line in enumerate(listing.c_line) if 0 < line <= source.body_line]
    inlined = {span.name for span in (*source.body.kernels, *source.body.programs.values())}
    found = 0
    for place in helpers:
        if listing.functions[listing.function[place]].partition(".")[0] in inlined:
            assert listing.owner[place] > source.body_line, listing.lines[place]
            found += 1
    assert found > 10


def test_nothing_is_left_for_a_debugger(listing: Assembly) -> None:
    assert not [line for line in listing.lines if re.match(r"\t\.(loc|file|cfi_)|\.LVL|\s+\.section\s+\.debug", line)]


def test_the_chain_leads_to_the_assembly(toolchain: Toolchain) -> None:
    chain = Chain(ModelSubject(Recipe("training", 2, CONFIG)))
    pane = chain.pane("assembly")
    assert len(pane.units) == len(pane.lines)
    for node, units in enumerate(chain.pane("loops").units_of_node):
        if units:
            lines = chain.lines_of("assembly", [node])
            assert lines
            assert node in chain.nodes_at("assembly", lines[0])
    assert not [place for place, units in enumerate(pane.units) if bool(units) == (place in pane.notes)]


def test_a_compiler_that_fails_says_so(toolchain: Toolchain) -> None:
    with pytest.raises(ToolchainError, match="the C compiler failed"):
        assembly(toolchain, "this is no C")


def test_listings_of_other_systems_are_read() -> None:
    listing = (
        "\t.section\t__TEXT,__text,regular,pure_instructions\n"
        '\t.file\t1 "/folder" "model.c"\n'
        "_run:                                   ## @run\n"
        "Lfunc_begin0:\n"
        "\t.loc\t1 7 0\n"
        "\t.cfi_startproc\n"
        "\tpushq\t%rbp\n"
        "Ltmp0:\n"
        "\t.loc\t1 9 5 prologue_end\n"
        "LBB0_1:\n"
        "\tjmp\tLBB0_1\n"
        "\t.section\t__DWARF,__debug_abbrev,regular,debug\n"
        "Lsection_abbrev:\n"
        "\t.byte\t1\n"
    )
    found = read_listing(listing, "model.c")
    assert found.functions == ("_run",)
    assert [line.split()[0] for line in found.lines] == [".section", "_run:", "pushq", "LBB0_1:", "jmp"]
    assert list(found.owner) == [0, 7, 7, 9, 9]
