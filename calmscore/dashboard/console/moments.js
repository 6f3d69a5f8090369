// What moved the score: cards, and flags above the lanes.

import { made, madeButton } from "./elements.js";
import { clock, signed } from "./numbers.js";

const MOST_CARDS = 8;
const POINTS_PIXELS = 50;
const BOOKMARK_PIXELS = 14;

const kindOf = (moment) => (moment.points > 0 ? "earned" : "cost");

export function fillMoments(place, { moments, unheard }, playFrom) {
  const card = (moment) => cardOf(moment, !unheard, playFrom);
  place.replaceChildren();
  // They come with the largest first.
  const large = moments.filter((moment, at) => !moment.small && at < MOST_CARDS);
  const small = moments.filter((moment) => !large.includes(moment));
  place.append(...large.map(card));
  if (!small.length) return;
  const fold = made("details");
  const points = small.reduce((sum, moment) => sum + moment.points, 0);
  const changes = small.length === 1 ? "change" : "changes";
  fold.append(made("summary", "", `${small.length} smaller ${changes}, ${signed(points)}`));
  // Made when it is opened: an hour has hundreds.
  const fill = () => fold.append(...small.map(card));
  fold.addEventListener("toggle", fill, { once: true });
  place.append(fold);
}

function cardOf(moment, heard, playFrom) {
  const button = madeButton("card");
  const quote = moment.said && `“${moment.said}”`;
  const told = [`${moment.text}, ${signed(moment.points)} points.`, quote, moment.why];
  button.setAttribute("aria-label",
    `${heard ? "Play" : "Show"} from ${clock(moment.from)}: ${told.filter(Boolean).join(" ")}`);
  const head = made("span", "head");
  head.append(made("span", "when", `${heard ? "▶ " : ""}${clock(moment.from)}`),
    made("span", `points ${kindOf(moment)}`, signed(moment.points)));
  button.append(head, made("span", "what", moment.text));
  if (quote) button.append(made("span", "quote", quote));
  button.append(made("span", "why", moment.why));
  button.onclick = () => playFrom(moment.from);
  return button;
}

// The largest first; what has no room beside it is left to the cards.
export function placeFlags(place, view, scale, playFrom) {
  place.replaceChildren();
  const taken = [];
  const flag = ({ at, from, kind, text, name, width }) => {
    if (at < scale.start || at > scale.end) return;
    const x = scale.x(at);
    const full = taken.some(([other, half]) => Math.abs(other - x) < half + width / 2);
    if (full && kind !== "mark") return;
    taken.push([x, width / 2]);
    const button = madeButton(`flag ${kind}${full ? " low" : ""}`, text);
    button.tabIndex = -1;
    button.style.left = `${x}px`;
    button.setAttribute("aria-label", name);
    button.title = name;
    button.onclick = () => playFrom(from);
    place.append(button);
  };
  for (const moment of view.moments) {
    if (moment.small) continue;
    const points = signed(moment.points);
    flag({
      at: moment.at, from: moment.from, kind: kindOf(moment), text: points,
      name: `${points}: ${moment.text}`, width: POINTS_PIXELS,
    });
  }
  for (const { seconds, text } of view.bookmarks) {
    flag({
      at: seconds, from: seconds, kind: "mark", text: "⚑",
      name: `Bookmark at ${clock(seconds)}: ${text}`, width: BOOKMARK_PIXELS,
    });
  }
}

// The moment after a second of the call, or before it.
export function momentFrom(moments, now, direction) {
  const inTime = [...moments].sort((one, other) => one.from - other.from);
  return direction > 0 ? inTime.find((moment) => moment.from > now + 0.5)
    : inTime.reverse().find((moment) => moment.from < now - 1.5);
}
