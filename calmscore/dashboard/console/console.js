// The console: joins lanes, player, moments and keys. One for each place on the page.

import { clock } from "./clock.js";
import { LEFT, Scale, drawLanes, drawOverview, palette } from "./lanes.js";
import { painted } from "./spectrogram.js";
import { Player } from "./player.js";

const consoles = new WeakMap();
const OVERVIEW_FROM_SECONDS = 180;
const NARROWEST_SECONDS = 5;
const LONGEST_SPECTROGRAM_SECONDS = 600;
const ASK_AFTER_MS = 500;
const WAITING = "The recording is being made ready to play…";

export default function (component) {
  const { parentElement } = component;
  let shown = consoles.get(parentElement);
  if (!shown) {
    shown = new Console(parentElement);
    consoles.set(parentElement, shown);
  }
  shown.show(component);
  return () => {
    shown.leave();
    consoles.delete(parentElement);
  };
}

function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

class Console {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.section = this.find(".console");
    this.time = this.find(".time");
    this.canvas = this.find(".time canvas");
    this.overview = this.find(".overview");
    this.player = new Player(() => this.moved());
    this.span = null;
    this.dirty = false;
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.section.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) this.perform(button.dataset.do);
    });
    this.section.addEventListener("change", (event) => this.set(event.target));
    this.section.addEventListener("input", (event) => this.set(event.target));
    this.find(".note").addEventListener("submit", (event) => {
      event.preventDefault();
      this.saveNote();
    });
    this.pointing();
    this.watching = new ResizeObserver(() => this.redraw());
    this.watching.observe(this.time);
    // The page's player may come after this, and be exchanged for another one.
    this.timer = setInterval(() => this.look(), 300);
  }

  leave() {
    document.removeEventListener("keydown", this.onKey);
    this.watching.disconnect();
    clearInterval(this.timer);
  }

  show({ data, setTriggerValue }) {
    const another = !this.view || this.view.id !== data.id;
    const before = this.view;
    this.view = { ...data, sound: data.sound && unpacked(data.sound) };
    this.made = data.spectrogram;
    this.trigger = setTriggerValue;
    if (another) this.span = [0, data.seconds];
    this.player.selector = `.st-key-${data.player} audio`;
    this.player.silence = data.silence;
    this.inTime = [...data.moments].sort((one, other) => one.from - other.from);
    this.fillMoments();
    this.fillLegend();
    this.fillVolumes();
    this.fillTable();
    this.find("[data-do=spectrogram]").hidden = !this.view.sound;
    if (data.start !== null && (another || before.start !== data.start)) this.pending = data.start;
    this.redraw();
    this.look();
  }

  look() {
    const ready = this.player.ready;
    this.section.classList.toggle("silent", !ready);
    for (const button of this.section.querySelectorAll(".play, [data-do=back], [data-do=forward]"))
      button.setAttribute("aria-disabled", String(!ready));
    const waits = Boolean(this.view && this.view.waiting && !ready);
    if (waits) this.say(WAITING);
    else if (this.find(".said").textContent === WAITING) this.say("");
    if (ready && this.pending !== null && this.pending !== undefined) {
      const seconds = this.pending;
      this.pending = null;
      this.player.playFrom(seconds);
    }
    this.moved();
  }

  redraw() {
    if (this.dirty || !this.view) return;
    this.dirty = true;
    requestAnimationFrame(() => {
      this.dirty = false;
      this.draw();
    });
  }

  get scale() {
    return new Scale(this.view.seconds, this.time.clientWidth, this.span);
  }

  draw() {
    const { scale, view } = this;
    if (!scale.width) return;
    const colours = palette(this.section, view);
    const picture = this.made && painted(this.made, colours);
    const shown = { ...view, spectrogram: this.wantsSpectrogram ? { picture, ...this.made } : null };
    drawLanes(this.canvas, shown, scale, colours);
    this.overview.hidden = view.seconds < OVERVIEW_FROM_SECONDS;
    if (!this.overview.hidden) drawOverview(this.overview, view, scale, colours);
    this.placeFlags();
    this.moved();
  }

  placeFlags() {
    const { scale, view } = this;
    const flags = this.find(".flags");
    flags.replaceChildren();
    const taken = [];
    // The largest first; what has no room beside it is left to the cards.
    const flag = (seconds, kind, text, name, from, width) => {
      const x = scale.x(seconds);
      if (seconds < scale.start || seconds > scale.end) return;
      const full = taken.some(([place, half]) => Math.abs(place - x) < half + width / 2);
      if (full && kind !== "mark") return;
      taken.push([x, width / 2]);
      const button = made("button", `flag ${kind}${full ? " low" : ""}`, text);
      button.type = "button";
      button.tabIndex = -1;
      button.style.left = `${x}px`;
      button.setAttribute("aria-label", name);
      button.title = name;
      button.onclick = () => this.player.playFrom(from);
      flags.append(button);
    };
    for (const moment of view.moments) {
      if (moment.small) continue;
      flag(moment.at, moment.points > 0 ? "earned" : "cost", signed(moment.points),
        `${signed(moment.points)}: ${moment.text}`, moment.from, 50);
    }
    for (const note of view.bookmarks) {
      flag(note.seconds, "mark", "⚑", `Bookmark at ${clock(note.seconds)}: ${note.text}`, note.seconds, 14);
    }
  }

  moved() {
    if (!this.view) return;
    const { scale, player } = this;
    const seconds = player.seconds;
    if (player.playing && this.span[1] - this.span[0] < this.view.seconds && !this.dragging) {
      if (seconds > this.span[1] || seconds < this.span[0]) {
        this.look_at(seconds, this.span[1] - this.span[0]);
        return;
      }
    }
    const head = this.find(".playhead");
    const inView = seconds >= scale.start && seconds <= scale.end;
    head.hidden = !inView || !player.ready;
    head.style.transform = `translateX(${scale.x(seconds)}px)`;
    this.find(".clock").textContent = `${clock(seconds)} / ${clock(this.view.seconds)}`;
    const play = this.find(".play");
    const word = player.playing ? "Pause" : "Play";
    if (play.getAttribute("aria-label") !== word) {
      play.textContent = player.playing ? "❚❚" : "▶";
      play.setAttribute("aria-label", word);
    }
    const whole = Math.floor(seconds);
    if (this.told === whole && this.toldSpan === this.span) return;
    this.told = whole;
    this.toldSpan = this.span;
    this.time.setAttribute("aria-valuemin", "0");
    this.time.setAttribute("aria-valuemax", String(Math.round(this.view.seconds)));
    this.time.setAttribute("aria-valuenow", String(whole));
    this.time.setAttribute("aria-valuetext", `${clock(seconds)}, ${this.describe(seconds)}`);
  }

  describe(seconds) {
    const inside = ([start, end]) => seconds >= start && seconds < end;
    const block = this.view.blocks.find(({ start, end }) => inside([start, end]));
    const parts = [];
    if (block && block.status === "scored") {
      parts.push(`customer heard as ${this.view.emotions[block.emotion].label}, `
        + `${Math.round(100 * block.sure)} % sure, distress ${Math.round(100 * block.distress)} %`);
    } else if (block) {
      parts.push(block.status === "other_voice" ? "another voice, not judged"
        : "customer, not judged: too quiet or not clear");
    }
    if (this.view.agent.some(inside)) parts.push("agent speaks");
    if (!parts.length) parts.push(this.view.silence.some(inside) ? "silence" : "pause");
    return parts.join("; ");
  }

  // Pointing: a click plays, a drag moves the view, wheel and pinch zoom.
  pointing() {
    const touches = new Map();
    const at = (event) => this.scale.at(event.clientX - this.time.getBoundingClientRect().left);
    let from = null;
    let apart = null;
    this.time.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      touches.set(event.pointerId, event.clientX);
      this.time.setPointerCapture(event.pointerId);
      if (touches.size === 1) from = { x: event.clientX, span: [...this.span], moved: false };
      if (touches.size === 2) apart = { distance: spread(touches), span: [...this.span], at: at(event) };
    });
    this.time.addEventListener("pointermove", (event) => {
      if (touches.has(event.pointerId)) touches.set(event.pointerId, event.clientX);
      if (touches.size === 2 && apart) {
        from.moved = true;
        const width = (apart.span[1] - apart.span[0]) * (apart.distance / Math.max(spread(touches), 10));
        this.zoomTo(width, apart.at, apart.span);
      } else if (touches.size === 1 && from) {
        const shift = event.clientX - from.x;
        if (Math.abs(shift) > 5) from.moved = true;
        if (from.moved) {
          this.dragging = true;
          this.pan(-shift / this.scale.perSecond, from.span);
        }
      }
      this.hover(event, at(event));
    });
    const up = (event) => {
      if (!touches.delete(event.pointerId)) return;
      if (event.type === "pointerup" && from && !from.moved
        && event.clientX - this.time.getBoundingClientRect().left >= LEFT - 4) {
        this.player.playFrom(at(event));
      }
      if (!touches.size) {
        from = null;
        apart = null;
        this.dragging = false;
      }
    };
    this.time.addEventListener("pointerup", up);
    this.time.addEventListener("pointercancel", up);
    this.time.addEventListener("pointerleave", () => { this.find(".tip").hidden = true; });
    this.time.addEventListener("wheel", (event) => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      const width = this.span[1] - this.span[0];
      if (sideways) {
        this.pan((event.deltaX || event.deltaY) / this.scale.perSecond);
      } else if (event.deltaY < 0 || width < this.view.seconds) {
        this.zoomTo(width * Math.exp(event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), at(event));
      } else {
        return; // The whole call is in view: the page scrolls.
      }
      event.preventDefault();
    }, { passive: false });
    const overview = (event) => {
      const box = this.overview.getBoundingClientRect();
      const whole = new Scale(this.view.seconds, box.width, [0, this.view.seconds]);
      const seconds = whole.at(event.clientX - box.left);
      const width = this.span[1] - this.span[0];
      this.look_at(seconds - width / 2, width < this.view.seconds ? width : 60);
    };
    this.overview.addEventListener("pointerdown", (event) => {
      this.overview.setPointerCapture(event.pointerId);
      overview(event);
    });
    this.overview.addEventListener("pointermove", (event) => { if (event.buttons) overview(event); });
  }

  hover(event, seconds) {
    const tip = this.find(".tip");
    const box = this.time.getBoundingClientRect();
    const x = event.clientX - box.left;
    tip.hidden = x < LEFT || event.pointerType === "touch" || event.buttons > 0;
    if (tip.hidden) return;
    tip.textContent = `${clock(seconds)} · ${this.describe(seconds)}`;
    tip.style.left = `${Math.min(Math.max(x, 120), box.width - 120)}px`;
  }

  look_at(start, width) {
    const held = Math.min(Math.max(width, Math.min(NARROWEST_SECONDS, this.view.seconds)), this.view.seconds);
    const first = Math.min(Math.max(start, 0), this.view.seconds - held);
    this.span = [first, first + held];
    this.redraw();
    this.askForSpectrogram();
  }

  pan(seconds, span = this.span) {
    this.look_at(span[0] + seconds, span[1] - span[0]);
  }

  zoomTo(width, around, span = this.span) {
    const held = Math.min(Math.max(width, NARROWEST_SECONDS), this.view.seconds);
    const share = (around - span[0]) / (span[1] - span[0]);
    this.look_at(around - share * held, held);
  }

  zoomBy(factor) {
    const seconds = this.player.seconds;
    const inView = seconds >= this.span[0] && seconds <= this.span[1];
    const around = inView && this.player.ready ? seconds : (this.span[0] + this.span[1]) / 2;
    this.zoomTo((this.span[1] - this.span[0]) * factor, around);
  }

  key(event) {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || !this.view || !this.section.isConnected) return;
    if (document.querySelector("[role=dialog]")) return;
    const typing = target.closest && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable=true]");
    if (typing) {
      if (event.key === "Escape" && this.find(".note").contains(target)) this.perform("no-note");
      return;
    }
    const pressed = target.closest && target.closest("button, a, summary, [role=button], [role=tab], input");
    const what = {
      " ": pressed ? null : "play", ArrowLeft: "back", ArrowRight: "forward", n: "next", p: "previous",
      b: "bookmark", "?": "help", "+": "closer", "=": "closer", "-": "wider", 0: "whole",
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!what) return;
    event.preventDefault();
    event.stopPropagation();
    this.perform(what);
  }

  perform(what) {
    const { player } = this;
    if (what === "play") player.toggle();
    else if (what === "back") player.seek(player.seconds - 5);
    else if (what === "forward") player.seek(player.seconds + 5);
    else if (what === "next" || what === "previous") this.step(what === "next" ? 1 : -1);
    else if (what === "closer") this.zoomBy(0.5);
    else if (what === "wider") this.zoomBy(2);
    else if (what === "whole") this.look_at(0, this.view.seconds);
    else if (what === "bookmark") this.openNote();
    else if (what === "no-note") this.closeNote();
    else if (what === "link") this.copyLink();
    else if (what === "help") this.toggleHelp();
    else if (what === "spectrogram") this.toggleSpectrogram();
  }

  set(field) {
    if (field.dataset.set === "speed") this.player.setRate(Number(field.value));
    if (field.dataset.set === "skip") this.player.skipping = field.checked;
    if (field.dataset.side !== undefined) {
      const sides = this.view.two_sided ? 2 : 1;
      this.player.setVolume(Number(field.dataset.side), Number(field.value) / 100, sides);
    }
  }

  step(direction) {
    const now = this.player.seconds;
    const next = direction > 0
      ? this.inTime.find((moment) => moment.from > now + 0.5)
      : [...this.inTime].reverse().find((moment) => moment.from < now - 1.5);
    if (!next) {
      this.say(direction > 0 ? "No later moment." : "No earlier moment.");
      return;
    }
    this.player.playFrom(next.from);
    this.say(`${clock(next.from)}: ${next.text}, ${signed(next.points)}`);
  }

  say(text) {
    const said = this.find(".said");
    if (said.textContent !== text) said.textContent = text;
  }

  toggleHelp() {
    const help = this.find(".help");
    help.hidden = !help.hidden;
    this.find("[data-do=help]").setAttribute("aria-expanded", String(!help.hidden));
  }

  openNote() {
    if (!this.view.may_bookmark) {
      this.say(this.view.why_no_bookmark);
      return;
    }
    this.noteAt = this.player.seconds;
    const form = this.find(".note");
    form.hidden = false;
    form.querySelector("label").textContent = `Bookmark at ${clock(this.noteAt)}`;
    form.querySelector("input").setAttribute("aria-label", `Bookmark at ${clock(this.noteAt)}`);
    form.querySelector("input").focus();
  }

  closeNote() {
    const form = this.find(".note");
    form.hidden = true;
    form.reset();
    this.time.focus({ preventScroll: true });
  }

  saveNote() {
    const text = this.find(".note input").value.trim();
    this.trigger("bookmark", { seconds: Math.round(this.noteAt * 10) / 10, text });
    this.say(`Bookmark saved at ${clock(this.noteAt)}.`);
    this.closeNote();
  }

  copyLink() {
    const link = new URL(window.location.href);
    link.search = "";
    if (this.view.linkable) {
      link.pathname = link.pathname.replace(/[^/]*$/, "call");
      link.searchParams.set("call", this.view.id);
      link.searchParams.set("at", this.player.seconds.toFixed(1));
    }
    if (!this.view.linkable) {
      this.say("Keep the call first: only a kept call has a link.");
      return;
    }
    const said = `Link to ${clock(this.player.seconds)} copied.`;
    navigator.clipboard.writeText(link.href).then(() => this.say(said), () => this.say(link.href));
  }

  toggleSpectrogram() {
    this.wantsSpectrogram = !this.wantsSpectrogram;
    this.find("[data-do=spectrogram]").setAttribute("aria-pressed", String(this.wantsSpectrogram));
    this.redraw();
    this.askForSpectrogram();
  }

  // The page makes the picture, of what is in view; not while somebody still zooms or scrolls.
  askForSpectrogram() {
    clearTimeout(this.asking);
    if (!this.wantsSpectrogram) return;
    const [start, end] = this.span;
    if (end - start > LONGEST_SPECTROGRAM_SECONDS) {
      this.say("Zoom in to ten minutes or less to see the spectrogram.");
      return;
    }
    const { made: there } = this;
    const fits = there && there.start <= start + 0.1 && there.end >= end - 0.5
      && there.end - there.start < 2.5 * (end - start);
    if (fits) return;
    this.asking = setTimeout(() => this.trigger("spectrogram", { start, end }), ASK_AFTER_MS);
  }

  fillMoments() {
    const place = this.find(".moments");
    place.replaceChildren();
    const { moments } = this.view;
    this.find(".side").hidden = !moments.length && !this.view.sum;
    const small = moments.filter((moment) => moment.small);
    for (const moment of moments) if (!moment.small) place.append(this.card(moment));
    if (small.length) {
      const fold = made("details");
      const points = small.reduce((sum, moment) => sum + moment.points, 0);
      fold.append(made("summary", "", `${small.length} smaller ${small.length === 1 ? "change" : "changes"}, ${signed(points)}`));
      for (const moment of small) fold.append(this.card(moment));
      place.append(fold);
    }
    this.find(".sum").textContent = this.view.sum;
  }

  card(moment) {
    const card = made("button", "card");
    card.type = "button";
    card.setAttribute("aria-label", `Play from ${clock(moment.from)}: ${moment.text}, ${signed(moment.points)} points. ${moment.why}`);
    const head = made("span", "head");
    head.append(made("span", "when", `▶ ${clock(moment.from)}`),
      made("span", `points ${moment.points > 0 ? "earned" : "cost"}`, signed(moment.points)));
    card.append(head, made("span", "what", moment.text), made("span", "why", moment.why));
    card.onclick = () => this.player.playFrom(moment.from);
    return card;
  }

  fillLegend() {
    const legend = this.find(".legend");
    legend.replaceChildren();
    const present = new Set(this.view.blocks.map((block) => block.emotion));
    const colours = palette(this.section, this.view);
    for (const [name, emotion] of Object.entries(this.view.emotions)) {
      if (!present.has(name)) continue;
      const item = made("span", "item");
      const swatch = made("span", "swatch");
      swatch.style.background = `rgb(${colours.emotions[name].map(Math.round).join(",")})`;
      item.append(swatch, emotion.label);
      legend.append(item);
    }
    if (this.view.silence.length) {
      const item = made("span", "item");
      item.append(made("span", "swatch hatched"), "silence");
      legend.append(item);
    }
    legend.append(made("span", "item", "paler: less sure"));
  }

  fillVolumes() {
    const place = this.find(".volumes");
    const sides = !this.view.two_sided ? ["Volume"]
      : this.view.customer_side === "left" ? ["Customer", "Agent"] : ["Agent", "Customer"];
    if (place.dataset.sides === sides.join()) return;
    place.dataset.sides = sides.join();
    place.replaceChildren(...sides.map((name, side) => {
      const label = made("label", "choice", name);
      const range = made("input");
      range.type = "range";
      range.min = 0;
      range.max = 100;
      range.value = 100;
      range.dataset.side = side;
      range.setAttribute("aria-label", sides.length > 1 ? `Volume of the ${name.toLowerCase()}` : name);
      label.append(range);
      return label;
    }));
  }

  fillTable() {
    const details = this.find(".table");
    const fill = () => {
      if (!details.open) return;
      const table = made("table");
      const head = made("tr");
      for (const name of ["Time", "Customer", "How sure", "Distress"]) {
        const cell = made("th", "", name);
        cell.scope = "col";
        head.append(cell);
      }
      table.append(made("caption", "", "What was heard of the customer, from the beginning to the end"), head);
      for (const row of this.view.table) {
        const line = made("tr");
        line.append(...row.map((text) => made("td", "", text)));
        table.append(line);
      }
      this.find(".rows").replaceChildren(table);
    };
    details.ontoggle = fill;
    fill();
  }
}

const signed = (points) => `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;

const spread = (touches) => {
  const [one, other] = [...touches.values()];
  return Math.abs(one - other);
};

function unpacked(sound) {
  const sides = sound.sides.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
  return { ...sound, sides };
}
