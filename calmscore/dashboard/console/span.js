// The part of the call that is in view.

const NARROWEST_SECONDS = 5;

export class Span {
  constructor(seconds, changed) {
    this.seconds = seconds;
    this.changed = changed;
    [this.start, this.end] = [0, seconds];
  }

  get width() {
    return this.end - this.start;
  }

  get whole() {
    return this.width >= this.seconds;
  }

  get middle() {
    return (this.start + this.end) / 2;
  }

  sees(seconds) {
    return seconds >= this.start && seconds <= this.end;
  }

  copy() {
    return { start: this.start, end: this.end, width: this.width };
  }

  lookAt(start, width = this.width) {
    const held = Math.min(Math.max(width, NARROWEST_SECONDS), this.seconds);
    const first = Math.min(Math.max(start, 0), this.seconds - held);
    [this.start, this.end] = [first, first + held];
    this.changed();
  }

  showAll() {
    this.lookAt(0, this.seconds);
  }

  pan(seconds, from = this) {
    this.lookAt(from.start + seconds, from.end - from.start);
  }

  // What lies at `around` stays where it is.
  zoomTo(width, around, from = this) {
    const held = Math.min(Math.max(width, NARROWEST_SECONDS), this.seconds);
    const share = (around - from.start) / (from.end - from.start);
    this.lookAt(around - share * held, held);
  }
}
