// Light colouring of code: splits a line into [class, text] pairs. Never looks beyond its line.

/** One expression of several alternatives, tried in order; the name of the group that matches is the kind. */
function alternatives(flags, ...parts) {
  return new RegExp(parts.map((part) => part.source).join("|"), flags);
}

const SYNTAX = {
  python: alternatives(
    "g",
    /(?<comment>#.*$)/,
    /(?<string>"""|"[^"]*"|'[^']*')/,
    /(?<number>\b\d[\w.]*(?:e[+-]\d+)?\b)/,
    /(?<keyword>\b(?:def|return|for|in|if|else|with|as|from|import|class|and|or|not|lambda|None|True|False|pass)\b)/,
    /(?<call>\b[A-Za-z_]\w*(?=\())/,
  ),
  c: alternatives(
    "gi",
    /(?<comment>\/\*.*?(?:\*\/|$)|\/\/.*$)/,
    /(?<string>"[^"]*")/,
    /(?<keyword>\b(?:static|const|void|double|int|long|for|if|else|return|typedef|enum|struct|while|unsigned|char)\b)/,
    /(?<directive>^\s*#\s*\w+)/,
    /(?<number>\b(?:0x[\da-f.]+(?:p[+-]?\d+)?|\d[\w.]*(?:e[+-]\d+)?)\b)/,
    /(?<call>\b[A-Za-z_]\w*(?=\())/,
  ),
  assembly: alternatives(
    "gi",
    /(?<comment>[#;].*$)/,
    /(?<call>^[\w.$@]+:)/,
    /(?<keyword>^\s+[a-z]\w*)/,
    /(?<number>\$?-?\b(?:0x[\da-f]+|\d+)\b)/,
    /(?<register>%[a-z]\w*)/,
  ),
  loops: alternatives(
    "g",
    /(?<comment>; .*$)/,
    /(?<keyword>\b(?:program|array|zero|places|nest|recurrence|for|fold|axes)\b)/,
    /(?<number>\b\d[\w.]*(?:e[+-]\d+)?\b)/,
    /(?<call>\b[A-Za-z_]\w*(?=\())/,
  ),
  ir: alternatives(
    "g",
    /(?<register>%\d+)/,
    /(?<keyword>(?<== )[a-z]+)/,
    /(?<number>-?0x[\da-f.]+p[+-]\d+)/,
    /(?<comment> {2,}\S.*$)/,
  ),
};

/** The parts of a line of code, in order. */
function syntaxParts(language, line) {
  const parts = [];
  let end = 0;
  for (const match of line.matchAll(SYNTAX[language])) {
    if (!match[0]) continue;
    if (match.index > end) parts.push(["", line.slice(end, match.index)]);
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    parts.push([kind, match[0]]);
    end = match.index + match[0].length;
  }
  if (end < line.length) parts.push(["", line.slice(end)]);
  return parts;
}

// What begins and ends texts that go over several lines, and how these are coloured.
const BLOCKS = { python: ['"""', '"""', "string"], c: ["/*", "*/", "comment"] };

/** The kind of each line that is wholly inside a long comment or string, by number. */
function linesInside(language, lines) {
  const inside = new Map();
  if (!(language in BLOCKS)) return inside;
  const [begin, end, kind] = BLOCKS[language];
  let open = false;
  lines.forEach((line, number) => {
    if (open) inside.set(number, kind);
    let at = 0;
    for (;;) {
      const found = line.indexOf(open ? end : begin, at);
      if (found < 0) break;
      at = found + (open ? end : begin).length;
      open = !open;
    }
  });
  return inside;
}
