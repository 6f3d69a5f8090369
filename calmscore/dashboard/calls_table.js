// A page of calls: a row opens its call, a heading asks the server for another order.

const made = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
};

function heading(column, setTriggerValue) {
  const cell = made("th", column.name);
  cell.scope = "col";
  if (!column.sorts) {
    cell.append(made("span", "", column.label));
    return cell;
  }
  const button = made("button", "", column.label);
  button.type = "button";
  if (column.direction) {
    cell.setAttribute("aria-sort", column.direction);
    button.append(made("span", "arrow", column.direction === "ascending" ? "▲" : "▼"));
    button.lastChild.setAttribute("aria-hidden", "true");
  }
  button.onclick = () => setTriggerValue("sort", column.name);
  cell.append(button);
  return cell;
}

function box(label) {
  const input = made("input");
  input.type = "checkbox";
  input.setAttribute("aria-label", label);
  return input;
}

function line(row, open) {
  const tr = made("tr");
  const cell = (name, content) => {
    const td = made("td", name);
    if (content instanceof Node) td.append(content);
    else if (content) td.append(made("span", "", content));
    tr.append(td);
    return td;
  };
  cell("time", row.time);
  cell("score", row.score).classList.add(row.band);
  const chip = made("span", "chip", row.outcome);
  chip.style.setProperty("--chip", row.colour);
  cell("outcome", chip);
  cell("agent", row.agent);
  const trend = made("img", "picture");
  trend.alt = "";
  trend.src = row.trend;
  cell("trend", trend);
  cell("length", row.length);
  const link = made("a", "", row.file);
  link.href = row.href;
  const file = cell("file", link);
  if (!row.playable) file.append(made("span", "note", "no recording"));
  cell("status", row.status);
  const tags = cell("tags");
  row.tags.forEach((tag) => tags.append(made("span", "tag", tag)));

  // Another tab or window is the link's own business.
  const here = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
  tr.onclick = (event) => {
    if (event.target.closest("input, label") || !here(event)) return;
    event.preventDefault();
    open(row.id);
  };
  return tr;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const table = parentElement.querySelector("table");
  const head = table.querySelector("thead tr");
  const body = table.querySelector("tbody");
  const ticked = new Set(data.ticked);
  const boxes = [];
  const all = box("Tick all calls of this page");
  const tell = () => {
    all.checked = boxes.length > 0 && boxes.every((one) => one.checked);
    all.indeterminate = !all.checked && boxes.some((one) => one.checked);
    setStateValue("ticked", data.rows.map((row) => row.id).filter((id) => ticked.has(id)));
  };
  const tick = (one, id) => (one.checked ? ticked.add(id) : ticked.delete(id));

  head.replaceChildren(...data.columns.map((column) => heading(column, setTriggerValue)));
  const corner = made("th", "tick");
  corner.append(all);
  all.onchange = () => {
    boxes.forEach((one, place) => {
      one.checked = all.checked;
      tick(one, data.rows[place].id);
    });
    tell();
  };
  head.prepend(corner);

  body.replaceChildren(...data.rows.map((row) => {
    const tr = line(row, (id) => setTriggerValue("open", id));
    const one = box(`Tick ${row.file}`);
    one.checked = ticked.has(row.id);
    one.onchange = () => {
      tick(one, row.id);
      tell();
    };
    boxes.push(one);
    const label = made("label");
    label.append(one);
    const td = made("td", "tick");
    td.append(label);
    tr.prepend(td);
    return tr;
  }));
  all.checked = boxes.length > 0 && boxes.every((one) => one.checked);

  // Arrow keys go from call to call.
  body.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest("tr");
    if (!step || !row) return;
    const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
    if (!next) return;
    event.preventDefault();
    next.querySelector("a").focus();
  };
}
