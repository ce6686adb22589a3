// The heat beside a line of the model: how many operations come from it, and, where it was measured, how long they take.

/**
 * What puts the heat into the row of a line.
 * @param heat by line: `ops`, a count, and perhaps `time`, in microseconds; `note` says how it was measured.
 */
function heatCells({ ops, time, note }) {
  const mostOps = Math.max(...ops);
  const mostTime = time ? Math.max(...time) : 0;
  return (row, line) => {
    row.append(heatCell("heat", ops[line], mostOps, inShort, `${grouped(ops[line])} operations come from this line`));
    if (time) row.append(heatCell("heat time", time[line], mostTime, (value) => value.toPrecision(2), note));
  };
}

/** A count that fits beside a line. */
function inShort(count) {
  if (count < 1e6) return grouped(count);
  return `${count < 1e8 ? (count / 1e6).toPrecision(3) : grouped(Math.round(count / 1e6))} M`;
}

/** A figure with a bar behind it. The bar grows with the root of the figure: else the largest would hide the others. */
function heatCell(className, value, most, format, title) {
  const cell = el("span", className, value ? format(value) : "");
  if (value) {
    cell.style.setProperty("--heat", Math.sqrt(value / most).toFixed(3));
    cell.title = title;
  }
  return cell;
}
