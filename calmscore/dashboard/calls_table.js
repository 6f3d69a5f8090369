// A page of calls: a row opens its call, a line that was found opens it there, and a heading asks
// the server for another order.

import { newestOnly } from "./newest_drawing.js";

const made = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
};

function heading(column, setTriggerValue) {
  const cell = made("th", column.name);
  cell.scope = "col";
  if (column.explained) cell.title = column.explained;
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

// What stands in a cell, where that is more than a text.
const CONTENTS = {
  outcome(row) {
    const chip = made("span", "chip", row.outcome);
    chip.style.setProperty("--chip", row.colour);
    return row.standing ? [chip, made("span", "note", row.standing)] : [chip];
  },
  trend(row) {
    const trend = made("img", "picture");
    trend.alt = "";
    trend.src = row.trend;
    return [trend];
  },
  file(row) {
    const link = made("a", "", row.file);
    link.href = row.href;
    if (!row.playable) return [link, made("span", "note", "no recording")];
    const named = made("span", "named");
    const play = made("button", "play", "▶");
    play.type = "button";
    play.title = "Play the moment that moved the score most";
    play.setAttribute("aria-label", `${play.title}: ${row.file}`);
    named.append(play, link);
    return [named];
  },
  watched: (row) => row.watched.map((phrase) => made("span", "phrase", phrase)),
  tags: (row) => row.tags.map((text) => {
    const tag = made("span", "tag", text);
    tag.title = text;
    return tag;
  }),
};

// Another tab or window is the link's own business.
const here = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);

function line(row, columns, open) {
  const tr = made("tr");
  for (const { name, label, chosen } of columns) {
    const td = made("td", name);
    // On a phone no heading stands above the figure.
    if (chosen) td.dataset.label = `${label} `;
    if (name in CONTENTS) td.append(...CONTENTS[name](row));
    else if (row[name]) td.append(made("span", "", row[name]));
    if (name === "score") td.classList.add(row.band);
    tr.append(td);
  }
  tr.onclick = (event) => {
    if (event.target.closest("input, label") || !here(event)) return;
    event.preventDefault();
    open({ id: row.id, moment: Boolean(event.target.closest(".play")) });
  };
  return tr;
}

// A line in which something is said that was looked for: opens the call at that word.
function found(row, said, width, open) {
  const tr = made("tr", "found");
  const td = made("td", "said");
  td.colSpan = width;
  const link = made("a");
  link.href = said.href;
  link.setAttribute("aria-label", `Play ${row.file} from ${said.clock}, ${said.who}: ${said.said}`);
  link.append(
    made("span", "clock", said.clock), made("span", "who", said.who),
    `${said.before} `.trimStart(), made("mark", "", said.said), ` ${said.after}`.trimEnd(),
  );
  td.append(link);
  tr.append(td);
  tr.onclick = (event) => {
    if (!here(event)) return;
    event.preventDefault();
    open({ id: row.id, at: said.at });
  };
  return tr;
}

export default newestOnly(({ data, parentElement, setStateValue, setTriggerValue }) => {
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

  // The picture makes way for figures that were asked for.
  table.classList.toggle("wide", data.columns.some((column) => column.chosen));
  table.style.setProperty("--better", data.colours.better);
  table.style.setProperty("--worse", data.colours.worse);
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

  const open = (what) => setTriggerValue("open", what);
  body.replaceChildren(...data.rows.flatMap((row) => {
    const tr = line(row, data.columns, open);
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
    tr.classList.toggle("has-said", row.said.length > 0);
    const width = data.columns.length + 1;
    return [tr, ...row.said.map((said) => found(row, said, width, open))];
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
});
