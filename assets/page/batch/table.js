// The table: rows as the server gives them (see ser/export/rows.py), sorted by any column.
const table = element.querySelector("table");
const SHOWN = ["file", "emotion", "probability", "arousal", "valence", "dominance", "duration_s", "transcript"];
const TITLES = { duration_s: "Seconds", transcript: "Words" };
const TEXTS = ["file", "emotion", "transcript"];
const FIGURES = { duration_s: 1, arousal: 2, valence: 2, dominance: 2 }; // digits after the point
const capital = (name) => name[0].toUpperCase() + name.slice(1);
const percent = (share) => `${(100 * share).toFixed(1)}%`;

let rows = []; // { row, json, line }: figures, text of the JSON line, the <tr>
let classes = [];
let order = { column: null, direction: 1 };

const make = (tag, text = "", attributes = {}) => {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};

const valueOf = ({ row }, column) => (column === "probability" ? row[row.emotion] : row[column]);
const written = (row, column) => {
  const value = column === "probability" ? row[row.emotion] : row[column];
  if (TEXTS.includes(column)) return value ?? "";
  return FIGURES[column] === undefined ? percent(value) : value.toFixed(FIGURES[column]);
};

// The whole distribution as a thin line of colours; the figures are in columns of their own.
const ribbon = (row) => {
  const line = make("i", "", { class: "batch-ribbon", "aria-hidden": "true" });
  for (const name of classes) {
    if (!(name in row)) continue;
    const part = document.createElement("b");
    part.style.flexGrow = row[name];
    part.style.background = props.colours[name];
    line.append(part);
  }
  return line;
};

const fill = (line, row) => {
  line.replaceChildren(make("th", row.file, { scope: "row", title: row.file }));
  if (row.error) {
    line.classList.add("batch-error");
    line.append(make("td", row.error, { colspan: SHOWN.length - 1 + classes.length }));
    return;
  }
  for (const column of SHOWN.slice(1)) {
    const cell = make("td", column === "emotion" ? capital(row.emotion) : written(row, column));
    cell.className = TEXTS.includes(column) ? `batch-text batch-${column}` : "";
    if (column === "emotion") cell.append(ribbon(row));
    line.append(cell);
  }
  for (const name of classes) {
    line.append(make("td", name in row ? written(row, name) : "", { class: "batch-class" }));
  }
};

const compare = (one, other) => {
  if (!order.column) return one.place - other.place;
  const failed = Boolean(one.row.error) - Boolean(other.row.error); // last, also by name
  if (failed) return failed;
  const [a, b] = [valueOf(one, order.column), valueOf(other, order.column)];
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  const less = TEXTS.includes(order.column) ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  return order.direction * less || one.place - other.place;
};
const sortRows = () => {
  table.tBodies[0].append(...[...rows].sort(compare).map(({ line }) => line));
  for (const head of table.tHead.rows[0].cells) {
    const here = head.dataset.column === order.column;
    if (here) head.setAttribute("aria-sort", order.direction > 0 ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  }
};

const sortBy = (column) => {
  const first = TEXTS.includes(column) ? 1 : -1; // the largest figure first
  order = { column, direction: order.column === column ? -order.direction : first };
  sortRows();
};

const makeHead = () => {
  const heads = [...SHOWN, ...classes].map((column) => {
    const head = make("th", "", { scope: "col", "data-column": column });
    const button = make("button", TITLES[column] ?? capital(column), { type: "button" });
    button.addEventListener("click", () => sortBy(column));
    if (classes.includes(column)) head.className = "batch-class";
    else if (TEXTS.includes(column)) head.className = "batch-text";
    head.append(button);
    return head;
  });
  table.tHead.rows[0].replaceChildren(...heads);
};

// Another bundle may know other classes: then columns are added and all rows are written anew.
const addRow = (row, json) => {
  const line = document.createElement("tr");
  rows.push({ row, json, line, place: rows.length });
  const known = Object.keys(props.colours).filter((name) => classes.includes(name) || name in row);
  if (known.length > classes.length || !table.tHead.rows[0].cells.length) {
    classes = known;
    makeHead();
    rows.forEach((one) => fill(one.line, one.row));
  } else {
    fill(line, row);
  }
  sortRows();
};

const clearRows = () => {
  rows = [];
  classes = [];
  order = { column: null, direction: 1 };
  table.tHead.rows[0].replaceChildren();
  table.tBodies[0].replaceChildren();
};
