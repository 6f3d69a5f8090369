// A bookmark: the form for a note at the playhead, and what sees that the note is kept.

import { clock } from "./numbers.js";

export class BookmarkForm {
  constructor(form, { keep, closed }) {
    this.form = form;
    this.closed = closed;
    this.input = form.querySelector("input");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      keep(Math.round(this.seconds * 10) / 10, this.input.value.trim());
      this.close();
    });
    form.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
  }

  open(seconds) {
    this.seconds = seconds;
    this.form.hidden = false;
    const name = `Bookmark at ${clock(seconds)}`;
    this.form.querySelector("label").textContent = name;
    this.input.setAttribute("aria-label", name);
    this.input.focus();
  }

  close() {
    this.form.hidden = true;
    this.form.reset();
    this.closed();
  }
}

const AGAIN_AFTER = 5000;
const MOST_TIMES = 6;

// A message to the page can be lost while it is drawn anew, so a bookmark is sent until the page
// shows it; the page keeps what comes twice once.
export class SentBookmarks {
  constructor({ send, say, isShown }) {
    this.send = send;
    this.say = say;
    this.isShown = isShown;
    this.sent = null;
  }

  keep(seconds, text) {
    this.forget();
    this.sent = { seconds, text };
    this.times = 0;
    this.say(`Saving the bookmark at ${clock(seconds)}…`);
    this.again();
    this.timer = setInterval(() => this.again(), AGAIN_AFTER);
  }

  again() {
    if (!this.isShown()) {
      this.forget();
      return;
    }
    const { seconds, text } = this.sent;
    if (this.times === MOST_TIMES) {
      this.forget();
      this.say(`The bookmark at ${clock(seconds)} could not be saved. Load the page and set it again.`);
      return;
    }
    this.times += 1;
    this.send({ seconds, text });
  }

  shown(bookmarks) {
    if (!this.sent) return;
    const { seconds, text } = this.sent;
    const kept = (mark) => Math.abs(mark.seconds - seconds) < 0.05 && (!text || mark.text === text);
    if (!bookmarks.some(kept)) return;
    this.forget();
    this.say(`Bookmark saved at ${clock(seconds)}.`);
  }

  forget() {
    clearInterval(this.timer);
    this.sent = null;
  }
}
