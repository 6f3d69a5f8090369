// What was said, turn by turn: it follows the playhead, a click plays, and it can be searched.

import { made, madeButton } from "./elements.js";
import { clock } from "./numbers.js";

// Whoever scrolls reads elsewhere; the list leaves them alone for so long.
const READING_MS = 5000;

export class WordsPanel {
  constructor(panel, playFrom) {
    this.panel = panel;
    this.list = panel.querySelector("ol");
    this.search = panel.querySelector("input");
    this.turns = [];
    this.search.addEventListener("input", () => this.filter());
    this.list.addEventListener("click", (event) => {
      const at = event.target.closest("[data-at]");
      if (at) playFrom(Number(at.dataset.at));
    });
    for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      this.list.addEventListener(name, () => { this.readUntil = performance.now() + READING_MS; },
        { passive: true });
    }
  }

  show(words) {
    this.panel.hidden = !words;
    const drawn = JSON.stringify(words);
    // Drawn again only when there is something new: the place of the list stays.
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    // An hour has thousands of words: the lanes are painted before them.
    requestAnimationFrame(() => setTimeout(() => {
      if (drawn === this.drawn) this.fill(words);
    }));
  }

  fill(words) {
    this.current = null;
    this.turns = words ? words.turns : [];
    this.plain = this.turns.map((turn) => plain(turn.words.map(([text]) => text).join(" ")));
    this.list.replaceChildren(...this.turns.map((turn, place) => row(turn, this.turns[place - 1], words.marks)));
    this.fillPhrases(words ? words.phrases : []);
    this.panel.querySelector(".key").hidden = !this.list.querySelector("mark:not(.watched)");
    this.filter();
  }

  fillPhrases(phrases) {
    const place = this.panel.querySelector(".phrases");
    place.hidden = !phrases.length;
    place.replaceChildren(...phrases.map(({ phrase, count }) => {
      const button = madeButton("phrase", `“${phrase}”${count > 1 ? ` ${count}×` : ""}`);
      button.setAttribute("aria-label", `Show where “${phrase}” is said`);
      button.onclick = () => {
        this.search.value = phrase;
        this.filter();
      };
      return button;
    }));
  }

  filter() {
    const needle = plain(this.search.value);
    this.panel.classList.toggle("searching", Boolean(needle));
    let count = 0;
    this.plain.forEach((text, place) => {
      const hit = text.includes(needle);
      this.list.children[place].classList.toggle("hidden", !hit);
      count += hit;
    });
    this.panel.querySelector(".found").textContent = needle ? `${count} of ${this.turns.length} turns` : "";
  }

  // Marks the turn that is heard, and brings it into view.
  follow(seconds, playing) {
    const place = this.turns.findLastIndex((turn) => turn.start <= seconds + 0.05);
    const item = place < 0 || seconds === 0 ? null : this.list.children[place];
    if (item === this.current) return;
    if (this.current) this.current.removeAttribute("aria-current");
    this.current = item;
    if (!item) return;
    item.setAttribute("aria-current", "true");
    if (playing && performance.now() < (this.readUntil || 0)) return;
    this.list.scrollTop = item.offsetTop - this.list.clientHeight / 3;
  }
}

function row(turn, before, { weighs, watched }) {
  const kinds = [turn.speaker || "somebody", turn.tone, before && before.speaker === turn.speaker ? "same" : ""];
  const item = made("li", kinds.filter(Boolean).join(" "));
  const when = madeButton("at", clock(turn.start));
  when.dataset.at = turn.start;
  when.setAttribute("aria-label", `Play from ${clock(turn.start)}`);
  item.append(when, made("span", "who", turn.name));
  if (turn.tone) item.append(made("span", "tone", `sounds ${turn.tone} in words`));
  const said = made("span", "spoken");
  for (const [text, at, marks] of turn.words) {
    const word = made(marks ? "mark" : "span", marks & watched ? "watched" : "", text);
    word.dataset.at = at;
    if (marks) word.title = marks & watched ? "A watched phrase" : "Weighs most in what the words express";
    said.append(word, " ");
  }
  const weighing = turn.words.filter(([, , marks]) => marks & weighs).map(([text]) => text);
  if (weighing.length) said.append(made("span", "unseen", `(weighs most: ${weighing.join(" ")})`));
  item.append(said);
  return item;
}

function plain(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}' ]/gu, "").replace(/\s+/g, " ").trim();
}
