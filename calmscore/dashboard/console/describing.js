// The lanes in words: what is heard at a place, what the colours stand for, the table.

import { made } from "./elements.js";

export function describe(view, seconds) {
  const inside = ([start, end]) => seconds >= start && seconds < end;
  const block = view.blocks.find(({ start, end }) => inside([start, end]));
  const parts = [];
  if (block && block.status === "scored") {
    parts.push(`customer heard as ${view.emotions[block.emotion].label}, `
      + `${Math.round(100 * block.sure)} % sure, distress ${Math.round(100 * block.distress)} %`);
  } else if (block) {
    parts.push(view.statuses[block.status].label);
  }
  const said = view.words_distress.find(({ at }) => Math.abs(seconds - at) <= view.segment_seconds / 2);
  if (said) parts.push(`distress of the words ${Math.round(100 * said.share)} %`);
  if (said && said.disagrees) parts.push(said.disagrees.replace(/\.$/, ""));
  if (view.agent.some(inside)) parts.push(`${view.names.agent.toLowerCase()} speaks`);
  if (!parts.length) parts.push(view.silence.some(inside) ? "silence" : "pause");
  return parts.join("; ");
}

export function fillLegend(legend, colours, view) {
  legend.replaceChildren();
  const present = new Set(view.blocks.map((block) => block.emotion));
  for (const [name, emotion] of Object.entries(view.emotions)) {
    if (!present.has(name)) continue;
    const item = made("span", "item");
    const swatch = made("span", "swatch");
    swatch.style.background = `rgb(${colours.emotions[name].map(Math.round).join(",")})`;
    item.append(swatch, emotion.label);
    legend.append(item);
  }
  if (view.silence.length) {
    const item = made("span", "item");
    item.append(made("span", "swatch hatched"), "silence");
    legend.append(item);
  }
  const marks = [["diamond", "words"], ["diamond apart", "words and voice disagree"]];
  marks.forEach(([kind, text], apart) => {
    if (!view.words_distress.some(({ disagrees }) => !apart || disagrees)) return;
    const item = made("span", "item");
    item.append(made("span", `swatch ${kind}`), text);
    legend.append(item);
  });
  if (view.blocks.some((block) => block.emotion)) legend.append(made("span", "item", "paler: less sure"));
}

// Made when it is opened: an hour has many rows.
export function fillTable(details, { head: names, rows }) {
  const fill = () => {
    if (!details.open) return;
    const table = made("table");
    const head = made("tr");
    for (const name of names) {
      const cell = made("th", "", name);
      cell.scope = "col";
      head.append(cell);
    }
    table.append(made("caption", "", "What was heard of the customer, from the beginning to the end"), head);
    for (const row of rows) {
      const line = made("tr");
      line.append(...row.map((text) => made("td", "", text)));
      table.append(line);
    }
    details.querySelector(".rows").replaceChildren(table);
  };
  details.ontoggle = fill;
  fill();
}
