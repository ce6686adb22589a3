#!/usr/bin/env python3
"""Writes docs/walkthrough.md: the path of one operation through the compiler, in the compiler's own output.

``python docs/walkthrough.py`` fills the values in double brackets in `walkthrough.template`. ``--check`` writes
nothing; its status is 1 if the page is stale. Assembly depends on the compiler, so it is made for a processor that the
page names, and is compared and renewed only where the same compiler is found.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

from microgpt.compiler.c.memory_struct import memory_struct
from microgpt.compiler.c.prelude import prelude
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.interpret import evaluate_nodes
from microgpt.compiler.ir.ops import MUL, SELECT
from microgpt.compiler.ir.text import format_node
from microgpt.compiler.pipeline import Stage
from microgpt.data.corpus import load_corpus
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.machine.find_toolchain import find_toolchain
from microgpt.runtime.machine.toolchain import Toolchain, ToolchainError
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.training.training import Training
from microgpt.tools.passes.changes import count_changes
from microgpt.tools.passes.collect import operations_by_kind
from microgpt.tools.passes.follow import Hunk, find_operation, follow
from microgpt.tools.provenance.chain import Chain
from microgpt.tools.subject.model import ModelSubject

HERE = Path(__file__).parent
TEMPLATE, PAGE = HERE / "walkthrough.template", HERE / "walkthrough.md"

# The document has one letter; its end is to be predicted too.
LETTER, LENGTH = "a", 2
SCOPE = "position1.layer0.head0"
LOSS = "position1.loss"
# The statement that the words of the template explain.
NEST = (
    "scores[position][head][i] = "
    "mul(fold add { k < 4: mul(query[position][4*head+k], key_transposed[4*head+k][i]) }, 0.5)"
)

# The processor of the C and of the assembly: four doubles in a vector.
PROCESSOR, WIDTH = "x86-64-v3", 4
ASSEMBLY = re.compile(r"(<!-- assembly: .*? -->\n)(.*)(\n<!-- end of assembly -->)", re.DOTALL)
MADE_BY = re.compile(r"made by `([^`]*)`")


class Guide:
    """The values of the template."""

    def __init__(self) -> None:
        self.subject = ModelSubject(Recipe("training", LENGTH, GPTConfig(vocab_size=27)))
        self.chain = Chain(self.subject, vector_width=WIDTH)
        self.stages = [Stage(name, graph, 0.0, self.chain.ids[name]) for name, graph in self.chain.graphs.items()]
        _, self.op = find_operation(self.stages, f"{SCOPE}.scores")
        self.hunks = {hunk.name: hunk for hunk in follow(self.stages, 0, self.op, 2, 40)}
        self.final = self.hunks["dce"].after
        graph = self.chain.graph
        self.backward = [node for node in range(len(graph)) if graph.source[node] == ~self.op]
        trace = self.chain.graphs["trace"]
        expect(trace.op[self.op] == MUL and len(self.backward) == 2, "the first operation of a score is a product")

    def values(self) -> dict[str, str]:
        """All of them, by name, but for the assembly."""
        parts = (self._counts(), self._graphs(), self._numbers(), self._python(), self._loops(), self._c())
        values = {"length": str(LENGTH), "op": str(self.op), "final": str(self.final)}
        for part in parts:
            values |= part
        return values

    def _counts(self) -> dict[str, str]:
        sizes = {name: len(graph) for name, graph in self.chain.graphs.items()}
        changes = [
            (after.name, count_changes(before.product, after.product, after.ids))
            for before, after in zip(self.stages, self.stages[1:], strict=False)
        ]
        rows = [f"| trace | | | | | | {sizes['trace']:,} |"]
        for name, change in changes:
            cells = [change.before, change.removed, change.replaced, change.merged, change.added, change.after]
            rows.append(f"| {name} | {' | '.join(f'{cell:,}' if cell else '' for cell in cells)} |")
        head = "| pass | before | removed | replaced | merged | added | after |\n|---|--:|--:|--:|--:|--:|--:|"
        by_name = dict(changes)
        merged, left = (operations_by_kind(self.chain.graphs[name]) for name in ("cse", "dce"))
        gone = {kind: count - left.get(kind, 0) for kind, count in merged.items() if count != left.get(kind, 0)}
        expect(gone["mul"] == 27 * LENGTH, "the products that sink_through_selects leaves behind are dead")
        kinds = [f"{count} of `{kind}`" for kind, count in sorted(gone.items(), key=lambda item: -item[1])]
        return {
            "traced": f"{sizes['trace']:,}",
            "sunk": f"{sizes['sink_through_selects']:,}",
            "differentiated": f"{sizes['differentiate']:,}",
            "simplified": f"{by_name['simplify'].replaced:,}",
            "merged": f"{by_name['cse'].merged:,}",
            "removed": f"{by_name['dce'].removed:,}",
            "removed_kinds": f"{', '.join(kinds[:-1])} and {kinds[-1]}",
            "left": f"{sizes['dce']:,}",
            "statements": f"{len(self.chain.statements.roots):,}",
            "table": "\n".join([head, *rows]),
        }

    def _graphs(self) -> dict[str, str]:
        trace, text = self.chain.graphs["trace"], self.chain.pane("gpt.py").lines
        end = self.op
        while trace.origins[trace.origin[end]].line == trace.origins[trace.origin[self.op]].line:
            end += 1
        dot, score = (trace.origins[trace.origin[node]].line for node in (self.op, end))
        source = [*text[score - 2 : score], "...", *text[dot - 2 : dot]]
        added = [line for line in self.hunks["differentiate"].lines if line[0] == "+" and f"{SCOPE}.scores" in line]
        expect(len(added) == 2 and all(" = mul " in line for line in added), "differentiation adds two products")
        own = {f"%{self.op}", *(f"%{node}" for node in trace.operands(self.op))}
        differentiate = [line for line in self.hunks["differentiate"].lines if line in added or label(line) in own]
        # Which of the two is whose: the query's gradient needs the key.
        query, key = (f"%{node}" for node in trace.operands(self.op))
        for_query, for_key = (next(line for line in added if f" {other}," in line) for other in (key, query))
        simplify = self.hunks["simplify"].lines
        at = [place for place, line in enumerate(simplify) if line[0] != " "]
        return {
            "source": "\n".join(source),
            "trace": "\n".join(node_line(trace, node) for node in range(self.op, end + 1)),
            "score_operations": str(end + 1 - self.op),
            "sink": lines_of(self._hunk("sink_through_selects", LOSS, SELECT, 2, 8)),
            "differentiate": "\n".join(differentiate),
            "op_query": label(for_query)[1:],
            "op_key": label(for_key)[1:],
            "simplify": "\n".join(simplify[at[0] - 1 : at[-1] + 2]),
            "merge": lines_of(self._hunk("cse", f"{SCOPE}.weights", MUL, 1, 20)),
        }

    def _numbers(self) -> dict[str, str]:
        """What the operation, its operands and its gradients are worth when training begins."""
        graph, training = self.chain.graph, Training(load_corpus("names"), 42, 1000, AdamConfig())
        tokens = training.tokenizer.encode(LETTER)
        arguments, indices = {"parameters": training.state.parameters}, {"tokens": tokens[:-1], "targets": tokens[1:]}
        worth = evaluate_nodes(graph, arguments, indices)
        query, key = graph.operands(self.final)
        (gradient,) = set(graph.operands(self.backward[0])) & set(graph.operands(self.backward[1]))
        for_query = next(node for node in self.backward if key in graph.operands(node))
        for_key = next(node for node in self.backward if query in graph.operands(node))
        nodes = {"query": query, "key": key, "product": self.final, "gradient": gradient, "for_query": for_query,
                 "for_key": for_key}  # fmt: skip
        return {"letter": LETTER, **{f"{name}_value": f"{worth[node]:.4g}" for name, node in nodes.items()}}

    def _hunk(self, name: str, scope: str, op: int, radius: int, limit: int) -> Hunk:
        """What a pass did around the first operation of a kind in a scope that it does not keep."""
        number = [stage.name for stage in self.stages].index(name)
        graph: Graph = self.stages[number - 1].product
        for node in range(len(graph)):
            if graph.op[node] == op and graph.origins[graph.origin[node]].scope == scope:
                hunk = follow(self.stages, number - 1, node, radius, limit)[number - 1]
                if not hunk.fate.startswith("kept"):
                    return hunk
        raise SystemExit(f"docs/walkthrough.template describes what {name} does in {scope}, and it does nothing there")

    def _python(self) -> dict[str, str]:
        chain = self.chain
        forward = chain.from_nodes([self.final])
        text = chain.pane("python").lines
        backward = [text[line - 1] for line in chain.from_nodes(self.backward).lines("python")]
        return {
            "form_statements": shown(chain, "form_statements", forward.lines("form_statements")),
            "python": shown(chain, "python", forward.lines("python")),
            "python_backward": "\n".join(line.strip() for line in backward if " = " in line and " * " in line),
        }

    def _loops(self) -> dict[str, str]:
        lines = self.chain.from_nodes([self.final]).lines("loops")
        text = shown(self.chain, "loops", lines)
        expect(NEST in text and len(lines) == 5, f"the score is computed by a nest {NEST}")
        expect(f"for position < {LENGTH}" in text and "for i < position+1" in text, "a position sees what came before")
        heads = found(r"for head < (\d+)", text, "there is a loop over heads")
        terms = found(r"k < (\d+):", text, "the fold has a fixed number of terms")
        scaling = found(r"\}, ([\d.]+)\)$", text, "the sum is scaled")
        return {"loops": text, "heads": heads, "terms": terms, "scaling": scaling}

    def _c(self) -> dict[str, str]:
        self.kernel, calls = self._kernel([self.final])
        backward, _ = self._kernel(self.backward)
        return {
            "c": self.kernel,
            "call": calls,
            "parameter": found(r"long (n\d+)\)", self.kernel, "the number of positions is the kernel's argument"),
            "c_backward": backward,
            "key_kernel": found(r"layer\.key,[^}]*?KERNEL (\w+)\(", backward, "the key's products have a kernel"),
            "query_kernel": found(r"layer\.query,[^}]*?KERNEL (\w+)\(", backward, "the query's products have a kernel"),
            "lanes": found(r"load(\d)\(", backward, "the backward products run several at a time"),
        }

    def _kernel(self, nodes: Sequence[int]) -> tuple[str, str]:
        """The kernel that carries out these nodes, with its comment, and the calls of it."""
        text = self.chain.pane("c").lines
        lines = [text[line - 1] for line in self.chain.from_nodes(nodes).lines("c")]
        calls = [line.strip() for line in lines if re.match(r" +kernel\d+\(", line)]
        return "\n".join(line for line in lines if line.strip() not in calls), "\n".join(calls)

    def assembly(self, toolchain: Toolchain) -> str:
        """What the compiler makes of the loop over single scores; their kernel stands alone, for `PROCESSOR`."""
        flags = tuple(flag for flag in toolchain.flags if not flag.startswith("-march"))
        portable = replace(toolchain, flags=(*flags, f"-march={PROCESSOR}"))
        with tempfile.TemporaryDirectory(prefix="microgpt-") as folder:
            source, listing = Path(folder) / "kernel.c", Path(folder) / "kernel.s"
            memory = memory_struct(self.chain.c_program.layout, "memory")
            source.write_text(prelude(WIDTH) + memory + self.kernel.replace("KERNEL", "void"))
            portable.assemble(source, listing)
            lines = [line for line in listing.read_text().splitlines() if not re.match(r"\t\.|\.LV?[BFE]\w*\d+:", line)]
        # The shortest loop that multiplies: from its label to the jump that goes back there.
        name = found(r"KERNEL (\w+)\(", self.kernel, "the scores have a kernel")
        start = lines.index(f"{name}:")
        labels = {line[:-1]: place for place, line in enumerate(lines) if line.endswith(":") and place > start}
        loops = [
            (labels[target], place + 1)
            for place, line in enumerate(lines)
            if line.startswith("\tj") and (target := line.split()[-1]) in labels and labels[target] < place
        ]
        loops = [loop for loop in loops if any("vmul" in line for line in lines[slice(*loop)])]
        first, last = min(loops, key=lambda loop: loop[1] - loop[0])
        body = "\n".join(line.replace("\t", "    ", 1).replace("\t", " ") for line in lines[first:last])
        counts = body.count("vmul"), body.count("vadd")
        expect(counts == (5, 3), "a score takes five multiplications and three additions")
        return (
            f"Of this kernel by itself, made by `{toolchain.version}` for {PROCESSOR},\n"
            f"this is the loop over the scores that are left:\n\n```asm\n{body}\n```\n\n"
            "Four multiplications, three additions to the accumulator, the scaling, and a branch. The compiler has\n"
            "written out the loop over the terms. The first multiplication is the operation that this page began with."
        )


def expect(holds: bool, what: str) -> None:
    """Ends the script if what the template's words say is not so any more."""
    if not holds:
        raise SystemExit(f"docs/walkthrough.template says that {what}; this is not so any more: write it anew")


def found(pattern: str, text: str, what: str) -> str:
    """The first group of a pattern in a text."""
    match = re.search(pattern, text)
    expect(match is not None, what)
    assert match is not None
    return match[1]


def label(line: str) -> str:
    """The number of an operation in a line of a diff."""
    return line[1:].split(" ")[0]


def node_line(graph: Graph, node: int) -> str:
    """An operation as text, with less room between its parts."""
    body, trail = format_node(graph, node).split(" ; ")
    return f"{body.rstrip():<28} ; {re.sub(r'  +', '  ', trail)}"


def lines_of(hunk: Hunk) -> str:
    """A diff; dots for what is left out."""
    return "\n".join([*hunk.lines, " ..."] if hunk.left_out else hunk.lines)


def shown(chain: Chain, pane: str, lines: Iterable[int]) -> str:
    """Lines of a pane; dots where some between them are left out."""
    text, out, last = chain.pane(pane).lines, [], 0
    for line in lines:
        if last and line != last + 1:
            out.append("    ...")
        out.append(text[line - 1])
        last = line
    return "\n".join(out)


def compiler() -> Toolchain | None:
    """A compiler that can make code for `PROCESSOR`; None if there is none."""
    try:
        toolchain = find_toolchain()
    except ToolchainError:
        return None
    command = [*toolchain.command, f"-march={PROCESSOR}", "-E", "-x", "c", "/dev/null"]
    return toolchain if subprocess.run(command, capture_output=True, check=False).returncode == 0 else None


def page() -> tuple[str, str]:
    """The page, and a remark about its assembly."""
    guide = Guide()
    values = guide.values()
    old = ASSEMBLY.search(PAGE.read_text("utf-8")) if PAGE.exists() else None
    made_by = MADE_BY.search(old[2]) if old else None
    toolchain, remark = compiler(), ""
    if toolchain and (made_by is None or made_by[1] == toolchain.version or "--renew-assembly" in sys.argv):
        values["assembly"] = guide.assembly(toolchain)
    elif old and made_by:
        values["assembly"], remark = old[2], f"; its assembly needs {made_by[1]}, and was left as it is"
    else:
        raise SystemExit(f"there is no assembly yet, and no C compiler for {PROCESSOR}")
    text = TEMPLATE.read_text("utf-8")
    unknown = set(re.findall(r"\[\[(\w+)\]\]", text)) ^ values.keys()
    expect(not unknown, f"there are values {sorted(unknown)}")
    return re.sub(r"\[\[(\w+)\]\]", lambda match: values[match[1]], text), remark


def main() -> int:
    """Writes the page, or checks it."""
    text, remark = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, "utf-8")
        print(f"wrote {PAGE}{remark}")
        return 0
    old = PAGE.read_text("utf-8") if PAGE.exists() else ""
    if old != text:
        print("\n".join(unified_diff(old.splitlines(), text.splitlines(), "as it is", "as it should be", lineterm="")))
        print("docs/walkthrough.md is not what the compiler makes any more: run python docs/walkthrough.py")
        return 1
    print(f"docs/walkthrough.md is what the compiler makes{remark}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
