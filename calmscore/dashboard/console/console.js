// The console: joins lanes, player, moments, words and keys. One for each place on the page.

import { made } from "./elements.js";
import { clock, signed } from "./numbers.js";
import { Scale, drawLanes, drawOverview, palette } from "./lanes.js";
import { Span } from "./span.js";
import { painted } from "./spectrogram.js";
import { Player } from "./player.js";
import { describe, fillLegend, fillTable } from "./describing.js";
import { fillMoments, momentFrom, placeFlags } from "./moments.js";
import { BookmarkForm, SentBookmarks } from "./bookmark.js";
import { WordsPanel } from "./words.js";
import { pointAtLanes, pointAtOverview } from "./pointing.js";
import { commandOf } from "./keys.js";
import { newestOnly } from "../newest_drawing.js";

const consoles = new WeakMap();
const OVERVIEW_FROM_SECONDS = 180;
const ASK_AFTER_MS = 500;
const SPAN_EVENT = "calmscore-span";
const WAITING = "The recording is being made ready to play…";

export default newestOnly((component) => {
  const { parentElement } = component;
  let shown = consoles.get(parentElement);
  // The page may have made the elements anew.
  if (!shown || !shown.section.isConnected) {
    shown = new Console(parentElement);
    consoles.set(parentElement, shown);
  }
  shown.enter();
  shown.show(component);
  return () => shown.leave();
});

class Console {
  constructor(root) {
    this.find = (selector) => root.querySelector(selector);
    this.section = this.find(".console");
    this.time = this.find(".time");
    this.overview = this.find(".overview");
    this.player = new Player(() => this.moved());
    this.playFrom = (seconds) => {
      // Beside another call there is no player: the page opens the call at the moment.
      if (this.view.compared) this.trigger("listen", Math.min(seconds, this.view.seconds));
      else this.goTo(seconds);
    };
    this.words = new WordsPanel(this.find(".words"), this.playFrom);
    this.sent = new SentBookmarks({
      send: (bookmark) => this.trigger("bookmark", bookmark),
      say: (text) => this.say(text),
      isShown: () => this.section.isConnected,
    });
    this.bookmarks = new BookmarkForm(this.find(".note"), {
      keep: (seconds, text) => this.sent.keep(seconds, text),
      closed: () => this.time.focus({ preventScroll: true }),
    });
    this.commands = this.listCommands();
    this.section.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) this.commands[button.dataset.do]();
    });
    this.section.addEventListener("change", (event) => this.set(event.target));
    this.section.addEventListener("input", (event) => this.set(event.target));
    pointAtLanes(this.time, this.find(".tip"), this);
    pointAtOverview(this.overview, this);
    this.onKey = (event) => this.key(event);
    this.onSpan = ({ detail }) => this.lookWhereOthersLook(detail);
    this.watching = new ResizeObserver(() => this.redraw());
  }

  enter() {
    document.addEventListener("keydown", this.onKey);
    document.addEventListener(SPAN_EVENT, this.onSpan);
    this.watching.observe(this.time);
    // The page's player may come after this, and be exchanged for another one.
    this.timer = setInterval(() => this.look(), 300);
  }

  listCommands() {
    const { player, bookmarks } = this;
    return {
      play: () => (this.view.unheard ? this.say(this.view.unheard) : player.toggle()),
      back: () => player.seek(player.seconds - 5),
      forward: () => player.seek(player.seconds + 5),
      next: () => this.step(1),
      previous: () => this.step(-1),
      closer: () => this.zoomBy(0.5),
      wider: () => this.zoomBy(2),
      whole: () => this.span.showAll(),
      bookmark: () => {
        if (this.view.may_bookmark) bookmarks.open(player.seconds);
        else if (this.view.why_no_bookmark) this.say(this.view.why_no_bookmark);
      },
      "no-note": () => bookmarks.close(),
      link: () => this.copyLink(),
      help: () => this.toggleHelp(),
      spectrogram: () => this.toggleSpectrogram(),
    };
  }

  leave() {
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener(SPAN_EVENT, this.onSpan);
    this.watching.disconnect();
    clearInterval(this.timer);
  }

  show({ data, setTriggerValue }) {
    const before = this.view;
    const another = !before || before.id !== data.id;
    this.view = { ...data, sound: another ? null : before.sound };
    this.picture = data.spectrogram;
    this.trigger = setTriggerValue;
    if (another) {
      this.span = new Span(data.axis_seconds || data.seconds, () => this.looked());
      this.sent.forget();
    }
    this.sent.shown(data.bookmarks || []);
    if (data.compared) this.beCompared(data.name);
    this.player.selector = data.player ? `.st-key-${data.player} audio` : null;
    this.player.silence = data.silence;
    this.player.end = data.seconds;
    if (another) this.player.place = 0;
    this.section.style.setProperty("--better", data.colours.better);
    this.section.style.setProperty("--worse", data.colours.worse);
    this.find(".note input").maxLength = data.longest_note;
    this.section.classList.toggle("soundless", Boolean(data.unheard));
    this.find(".unheard").textContent = data.unheard;
    this.find(".unheard").hidden = !data.unheard;
    // What somebody could do, but not yet, is told when they try.
    this.find("[data-do=bookmark]").hidden = !(data.may_bookmark || data.why_no_bookmark);
    this.find(".help .bookmarking").hidden = this.find("[data-do=bookmark]").hidden;
    this.find("[data-do=link]").hidden = !(data.may_link || data.why_no_link);
    fillMoments(this.find(".moments"), data, this.playFrom);
    this.find(".sum").textContent = data.sum;
    this.find(".side").hidden = !data.moments.length && !data.sum;
    this.fillVolumes();
    fillTable(this.find(".table"), data.table);
    this.words.show(data.words);
    this.section.classList.toggle("worded", Boolean(data.words));
    if (data.start !== null && (another || before.start !== data.start)) this.pending = data.start;
    this.redraw();
    this.look();
  }

  // Lanes without a player are a picture with a table beside it.
  beCompared(name) {
    this.section.classList.add("compared");
    this.section.setAttribute("aria-label", name);
    this.time.setAttribute("role", "img");
    this.time.setAttribute("aria-label", `Timeline of ${name}; below it stands a table`);
    // Nothing is played here, so there is no place to tell.
    for (const name of ["tabindex", "aria-valuemin", "aria-valuemax", "aria-valuenow"]) {
      this.time.removeAttribute(name);
    }
  }

  looked() {
    this.redraw();
    this.askForSpectrogram();
    if (!this.view.compared || this.following) return;
    const detail = { from: this, start: this.span.start, width: this.span.width };
    document.dispatchEvent(new CustomEvent(SPAN_EVENT, { detail }));
  }

  lookWhereOthersLook({ from, start, width }) {
    if (from === this || !this.view || !this.view.compared) return;
    this.following = true;
    this.span.lookAt(start, width);
    this.following = false;
  }

  look() {
    const { ready } = this.player;
    this.takeOutline();
    const usable = ready || Boolean(this.view && this.view.unheard);
    this.section.classList.toggle("silent", !usable);
    for (const button of this.section.querySelectorAll(".play, [data-do=back], [data-do=forward]"))
      button.setAttribute("aria-disabled", String(!usable));
    const waits = Boolean(this.view && this.view.player && !ready);
    if (waits) this.say(WAITING);
    else if (this.find(".said").textContent === WAITING) this.say("");
    if (usable && this.pending !== null && this.pending !== undefined) {
      const seconds = this.pending;
      this.pending = null;
      this.playFrom(seconds);
    }
    // Where a drawing is to come, it does this: to measure the page now would lay it out twice.
    if (!this.dirty) this.moved();
  }

  // The outline of the sound comes with its player.
  takeOutline() {
    if (this.view && !this.view.sound && this.view.player) {
      const place = document.querySelector(`.st-key-${this.view.player} [data-outline]`);
      this.view.sound = place && unpacked(JSON.parse(place.dataset.outline));
      if (place) this.redraw();
    }
    this.find("[data-do=spectrogram]").hidden = !(this.view && this.view.sound);
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
    return new Scale(this.span.seconds, this.time.clientWidth, this.span);
  }

  draw() {
    const { view } = this;
    const colours = palette(this.section, view);
    if (this.explained !== view) fillLegend(this.find(".legend"), colours, view);
    this.explained = view;
    const { scale } = this;
    if (!scale.width) return;
    const picture = this.picture && painted(this.picture, colours);
    const spectrogram = this.wantsSpectrogram ? { picture, ...this.picture } : null;
    drawLanes(this.find(".time canvas"), { ...view, spectrogram }, scale, colours);
    this.overview.hidden = scale.seconds < OVERVIEW_FROM_SECONDS;
    if (!this.overview.hidden) drawOverview(this.overview, view, scale, colours);
    placeFlags(this.find(".flags"), view, scale, this.playFrom);
    this.moved(scale);
  }

  moved(measured) {
    if (!this.view || this.view.compared) return;
    const { player, span, view } = this;
    const scale = measured || this.scale;
    const { seconds } = player;
    if (player.playing && !span.whole && !this.dragging && !span.sees(seconds)) {
      span.lookAt(seconds);
      return;
    }
    const head = this.find(".playhead");
    head.hidden = !span.sees(seconds) || !(player.ready || view.unheard);
    head.style.transform = `translateX(${scale.x(seconds)}px)`;
    this.words.follow(seconds, player.playing);
    this.tell(seconds);
  }

  // What is written of the place: the clock, the button, and what a screen reader says.
  tell(seconds) {
    const play = this.find(".play");
    const word = this.player.playing ? "Pause" : "Play";
    if (play.getAttribute("aria-label") !== word) {
      play.textContent = this.player.playing ? "❚❚" : "▶";
      play.setAttribute("aria-label", word);
    }
    const whole = Math.floor(seconds);
    if (this.told && this.told.whole === whole && this.told.view === this.view) return;
    this.told = { whole, view: this.view };
    this.find(".clock").textContent = `${clock(seconds)} / ${clock(this.view.seconds)}`;
    this.time.setAttribute("aria-valuemin", "0");
    this.time.setAttribute("aria-valuemax", String(Math.round(this.view.seconds)));
    this.time.setAttribute("aria-valuenow", String(whole));
    this.time.setAttribute("aria-valuetext", `${clock(seconds)}, ${describe(this.view, seconds)}`);
  }

  goTo(seconds) {
    this.player.playFrom(seconds);
    // What plays stays in view; a place without a sound is brought there.
    if (this.view.unheard && !this.span.sees(seconds)) this.span.lookAt(seconds - this.span.width / 3);
  }

  zoomBy(factor) {
    const { player, span } = this;
    const around = span.sees(player.seconds) && (player.ready || this.view.unheard) ? player.seconds : span.middle;
    span.zoomTo(span.width * factor, around);
  }

  key(event) {
    if (!this.view || this.view.compared || !this.section.isConnected) return;
    const command = commandOf(event);
    if (!command) return;
    event.preventDefault();
    event.stopPropagation();
    // The next space is for the player, not for the button that was pressed last.
    if (!event.composedPath().includes(this.section)) this.time.focus({ preventScroll: true });
    this.commands[command]();
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
    const next = momentFrom(this.view.moments, this.player.seconds, direction);
    if (!next) {
      this.say(direction > 0 ? "No later moment." : "No earlier moment.");
      return;
    }
    this.playFrom(next.from);
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

  copyLink() {
    if (!this.view.may_link) {
      this.say(this.view.why_no_link);
      return;
    }
    const link = new URL(window.location.href);
    link.search = "";
    link.pathname = link.pathname.replace(/[^/]*$/, "call");
    link.searchParams.set("call", this.view.id);
    link.searchParams.set("at", this.player.seconds.toFixed(1));
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
    const { start, end } = this.span;
    const longest = this.view.longest_spectrogram_seconds;
    if (end - start > longest) {
      this.say(`Zoom in to ${longest / 60} minutes or less to see the spectrogram.`);
      return;
    }
    const there = this.picture;
    const fits = there && there.start <= start + 0.1 && there.end >= end - 0.5
      && there.end - there.start < 2.5 * (end - start);
    if (fits) return;
    this.asking = setTimeout(() => this.trigger("spectrogram", { start, end }), ASK_AFTER_MS);
  }

  fillVolumes() {
    const place = this.find(".volumes");
    const { names } = this.view;
    const sides = !this.view.two_sided ? ["Volume"]
      : this.view.customer_side === "left" ? [names.customer, names.agent]
        : [names.agent, names.customer];
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
}

function unpacked(sound) {
  const sides = sound.sides.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
  return { ...sound, sides };
}
