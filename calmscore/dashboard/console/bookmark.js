// The form of a bookmark: a note at the playhead.

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
