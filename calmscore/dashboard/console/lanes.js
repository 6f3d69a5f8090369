// The lanes: everything on one time axis, drawn anew for whatever part of the call is in view.

import { css, letters, mixed, rgb, visible } from "./colours.js";
import { clock } from "./numbers.js";
import { shownBlocks } from "./blocks.js";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
export const LEFT = 74;
const RIGHT = 8;
const MARKS = 20;
const GAP = 6;
// Pixels for a second, under which turns are too narrow to be told apart.
const BARCODE_BELOW = 0.8;

// Top and height of each lane, from the top down.
export function layout(view) {
  const lanes = [["customer", 34]];
  if (view.how !== "mixed") lanes.push(["agent", 20]);
  if (view.blocks.length) lanes.push(["distress", 76]);
  if (view.sound) lanes.push(["wave", view.sound.sides.length > 1 ? 60 : 44]);
  if (view.spectrogram) lanes.push(["spectrogram", 84]);
  let top = MARKS;
  const placed = {};
  for (const [name, height] of lanes) {
    placed[name] = { top, height };
    top += height + GAP;
  }
  placed.axis = { top, height: 18 };
  placed.height = top + 18;
  return placed;
}

export class Scale {
  constructor(seconds, width, { start, end }) {
    this.seconds = seconds;
    this.width = width;
    [this.start, this.end] = [start, end];
  }

  get perSecond() {
    return (this.width - LEFT - RIGHT) / (this.end - this.start);
  }

  x(seconds) {
    return LEFT + (seconds - this.start) * this.perSecond;
  }

  at(x) {
    const seconds = this.start + (x - LEFT) / this.perSecond;
    return Math.min(Math.max(seconds, 0), this.seconds);
  }

  sees(start, end) {
    return end > this.start && start < this.end;
  }
}

// Colours of the page's theme, in numbers.
export function palette(host, view) {
  const style = getComputedStyle(host);
  const ground = rgb(style.getPropertyValue("--st-background-color"));
  const ink = rgb(style.getPropertyValue("--st-text-color"));
  const emotions = {};
  for (const [name, emotion] of Object.entries(view.emotions)) {
    emotions[name] = visible(rgb(emotion.colour), ground, ink);
  }
  return {
    ground, ink, emotions,
    soft: mixed(ground, ink, 0.62), faint: mixed(ground, ink, 0.16), lane: mixed(ground, ink, 0.05),
    agent: mixed(ground, ink, 0.45), line: visible(rgb(view.colours.distress), ground, ink, 4),
    pitch: visible(rgb(view.colours.worse), ground, ink),
    font: style.getPropertyValue("--st-font") || "sans-serif",
  };
}

function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

export function drawLanes(canvas, view, scale, colours) {
  const placed = layout(view);
  const pen = sized(canvas, scale.width, placed.height);
  pen.textBaseline = "middle";
  grounds(pen, view, placed, scale, colours);
  axis(pen, placed, scale, colours);
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, scale.width - LEFT - RIGHT, placed.height);
  pen.clip();
  silence(pen, view, placed, scale, colours);
  customer(pen, view, placed.customer, scale, colours);
  if (placed.agent) agent(pen, view, placed.agent, scale, colours);
  if (placed.distress) distress(pen, view, placed.distress, scale, colours);
  if (placed.distress) words(pen, view, placed.distress, scale, colours);
  if (placed.wave) wave(pen, view, placed.wave, scale, colours);
  if (placed.spectrogram) spectrogram(pen, view, placed.spectrogram, scale, colours);
  pen.restore();
}

function grounds(pen, view, placed, scale, colours) {
  const titles = {
    customer: [view.names.customer, view.heard_as], agent: [view.names.agent],
    distress: ["Distress", "heard, %"],
    wave: ["Loudness"],
    spectrogram: ["Voice", `0–${view.spectrogram_khz} kHz, pitch`],
  };
  pen.textAlign = "left";
  for (const [name, lines] of Object.entries(titles)) {
    const lane = placed[name];
    if (!lane) continue;
    pen.fillStyle = css(colours.lane);
    pen.fillRect(LEFT, lane.top, scale.width - LEFT - RIGHT, lane.height);
    lines.forEach((line, at) => {
      pen.font = `${at ? 400 : 600} ${at ? 11 : 12}px ${colours.font}`;
      pen.fillStyle = css(at ? colours.soft : colours.ink);
      pen.fillText(line, 0, lane.top + lane.height / 2 + (at - (lines.length - 1) / 2) * 13);
    });
  }
  if (!placed.distress) return;
  pen.textAlign = "right";
  pen.font = `400 10px ${colours.font}`;
  pen.fillStyle = css(colours.soft);
  for (const [share, text] of [[1, "100"], [0.5, "50"], [0, "0"]]) {
    pen.fillText(text, LEFT - 5, distressY(placed.distress, share));
  }
}

const distressY = (lane, share) => lane.top + 5 + (1 - share) * (lane.height - 10);

function hatch(pen, colours) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const brush = tile.getContext("2d");
  brush.strokeStyle = css(colours.soft, 0.55);
  brush.lineWidth = 1;
  for (const shift of [-8, 0, 8]) {
    brush.moveTo(shift, 8);
    brush.lineTo(shift + 8, 0);
  }
  brush.stroke();
  return pen.createPattern(tile, "repeat");
}

function silence(pen, view, placed, scale, colours) {
  const last = placed.agent || placed.customer;
  pen.fillStyle = hatch(pen, colours);
  for (const [start, end] of view.silence) {
    if (!scale.sees(start, end) || (end - start) * scale.perSecond < 3) continue;
    pen.fillRect(scale.x(start), placed.customer.top, (end - start) * scale.perSecond,
      last.top + last.height - placed.customer.top);
  }
}

function customer(pen, view, lane, scale, colours) {
  pen.textAlign = "center";
  pen.font = `600 12px ${colours.font}`;
  if (!view.blocks.length) {
    nothing(pen, view.nothing, lane, scale, colours);
    return;
  }
  for (const block of shownBlocks(view, scale.perSecond)) {
    if (!scale.sees(block.start, block.end)) continue;
    const x = scale.x(block.start);
    const width = Math.max((block.end - block.start) * scale.perSecond - 1, 2);
    if (block.status !== "scored") {
      unjudged(pen, view, block, x, width, lane, colours);
      continue;
    }
    const colour = colours.emotions[block.emotion];
    const strength = (view.emotions[block.emotion].calm ? 0.15 : 0.35)
      + (view.emotions[block.emotion].calm ? 0.3 : 0.65) * block.sure;
    const fill = mixed(colours.ground, colour, strength);
    pen.fillStyle = css(fill);
    pen.fillRect(x, lane.top, width, lane.height);
    // The edge is always strong: a doubtful block is paler, never hard to see.
    pen.fillStyle = css(colour);
    pen.fillRect(x, lane.top, width, 2);
    pen.fillRect(x, lane.top + lane.height - 2, width, 2);
    label(pen, view.emotions[block.emotion].label, x, width, lane, letters(fill));
  }
}

function nothing(pen, text, lane, scale, colours) {
  const middle = (LEFT + scale.width) / 2;
  const half = pen.measureText(text).width / 2 + 10;
  pen.fillStyle = css(colours.ground);
  pen.fillRect(middle - half, lane.top + 6, 2 * half, lane.height - 12);
  pen.fillStyle = css(colours.ink);
  pen.fillText(text, middle, lane.top + lane.height / 2 + 0.5);
}

function unjudged(pen, view, block, x, width, lane, colours) {
  pen.fillStyle = css(colours.ground);
  pen.fillRect(x, lane.top, width, lane.height);
  pen.strokeStyle = css(colours.soft);
  pen.setLineDash(block.status === "other_voice" ? [6, 3] : [2, 3]);
  pen.strokeRect(x + 0.5, lane.top + 0.5, Math.max(width - 1, 1), lane.height - 1);
  pen.setLineDash([]);
  label(pen, view.statuses[block.status].short, x, width, lane, colours.ink);
}

function label(pen, text, x, width, lane, colour) {
  if (pen.measureText(text).width + 8 > width) return;
  pen.fillStyle = css(colour);
  pen.fillText(text, x + width / 2, lane.top + lane.height / 2 + 0.5);
}

function agent(pen, view, lane, scale, colours) {
  if (scale.perSecond < BARCODE_BELOW) {
    agentSummedUp(pen, view, lane, scale, colours);
    return;
  }
  pen.fillStyle = css(colours.agent);
  for (const [start, end] of view.agent) {
    if (!scale.sees(start, end)) continue;
    const width = Math.max((end - start) * scale.perSecond, 1.5);
    pen.fillRect(scale.x(start), lane.top + 3, width, lane.height - 6);
  }
}

// Zoomed far out: the darker, the more of the time the agent speaks.
function agentSummedUp(pen, view, lane, scale, colours) {
  const wide = 6;
  let next = 0;
  for (let x = LEFT; x < scale.width - RIGHT; x += wide) {
    const [from, to] = [scale.at(x), scale.at(x + wide)];
    while (next < view.agent.length && view.agent[next][1] <= from) next += 1;
    let spoken = 0;
    for (let at = next; at < view.agent.length && view.agent[at][0] < to; at += 1) {
      spoken += Math.min(view.agent[at][1], to) - Math.max(view.agent[at][0], from);
    }
    if (!spoken) continue;
    pen.fillStyle = css(colours.agent, 0.25 + (0.75 * spoken) / (to - from));
    pen.fillRect(x, lane.top + 3, wide, lane.height - 6);
  }
}

function distress(pen, view, lane, scale, colours) {
  const y = (share) => distressY(lane, share);
  pen.strokeStyle = css(colours.soft, 0.7);
  pen.lineWidth = 1;
  pen.setLineDash([3, 4]);
  pen.beginPath();
  pen.moveTo(LEFT, Math.round(y(0.5)) + 0.5);
  pen.lineTo(scale.width, Math.round(y(0.5)) + 0.5);
  pen.stroke();
  const points = thinned(view.distress.filter((point) => point[1] !== null), scale);
  // Where the customer says nothing, the line is a guess and is drawn as one.
  pen.strokeStyle = css(colours.line);
  for (let at = 1; at < points.length; at += 1) {
    const [before, after] = [points[at - 1], points[at]];
    const apart = after[0] - before[0] > Math.max(view.segment_seconds + 0.5, 12 / scale.perSecond);
    pen.setLineDash(apart ? [2, 4] : []);
    pen.lineWidth = apart ? 1.2 : 2.2;
    pen.beginPath();
    pen.moveTo(scale.x(before[0]), y(before[1]));
    pen.lineTo(scale.x(after[0]), y(after[1]));
    pen.stroke();
  }
  pen.setLineDash([]);
  if (scale.perSecond < 2) return;
  pen.fillStyle = css(colours.line);
  for (const [seconds, share] of points) {
    pen.beginPath();
    pen.arc(scale.x(seconds), y(share), 2.6, 0, 2 * Math.PI);
    pen.fill();
  }
}

// The words' distress: a diamond for each segment in which the customer says something.
function words(pen, view, lane, scale, colours) {
  const half = scale.perSecond < 2 ? 2.5 : 3.5;
  for (const { at, share, disagrees } of view.words_distress) {
    if (!scale.sees(at - half / scale.perSecond, at + half / scale.perSecond)) continue;
    const [x, y] = [scale.x(at), distressY(lane, share)];
    pen.beginPath();
    for (const [right, down] of [[0, -half], [half, 0], [0, half], [-half, 0]]) {
      pen.lineTo(x + right, y + down);
    }
    pen.closePath();
    pen.fillStyle = css(disagrees ? colours.pitch : colours.ground);
    pen.fill();
    pen.strokeStyle = css(disagrees ? colours.pitch : colours.ink);
    pen.lineWidth = 1.3;
    pen.stroke();
  }
}

// At most one point for each few pixels: the mean of those that fall together.
function thinned(points, scale) {
  const wide = 5 / scale.perSecond;
  const kept = [];
  for (const [seconds, share] of points) {
    if (seconds < scale.start - 60 || seconds > scale.end + 60) continue;
    const last = kept[kept.length - 1];
    if (last && seconds - last.first < wide) {
      last.sum += share;
      last.count += 1;
      last.last = seconds;
    } else {
      kept.push({ first: seconds, last: seconds, sum: share, count: 1 });
    }
  }
  return kept.map((point) => [(point.first + point.last) / 2, point.sum / point.count]);
}

function wave(pen, view, lane, scale, colours) {
  const { sides, per_second: rate } = view.sound;
  const height = lane.height / sides.length;
  sides.forEach((peaks, side) => {
    const middle = lane.top + height * (side + 0.5);
    const ofCustomer = !view.two_sided || (view.customer_side === "right") === (side === 1);
    pen.fillStyle = css(ofCustomer ? mixed(colours.ground, colours.ink, 0.7) : colours.agent);
    for (let x = LEFT; x < scale.width; x += 2) {
      const first = Math.max(Math.floor(scale.at(x) * rate), 0);
      const last = Math.max(Math.ceil(scale.at(x + 2) * rate), first + 1);
      let peak = 0;
      for (let at = first; at < last && at < peaks.length; at += 1) peak = Math.max(peak, peaks[at]);
      const half = Math.max((peak / 255) * (height / 2 - 1), 0.5);
      pen.fillRect(x, middle - half, 1.4, 2 * half);
    }
  });
}

function spectrogram(pen, view, lane, scale, colours) {
  const { picture, start, end, pitch } = view.spectrogram;
  if (!picture) return;
  pen.imageSmoothingEnabled = true;
  pen.drawImage(picture, scale.x(start), lane.top, (end - start) * scale.perSecond, lane.height);
  const step = ((end - start) * scale.perSecond) / pitch.length;
  const along = (colour, wide) => {
    pen.strokeStyle = css(colour);
    pen.lineWidth = wide;
    pen.beginPath();
    pitch.forEach((row, at) => {
      if (row === null) return;
      const [x, y] = [scale.x(start) + (at + 0.5) * step, lane.top + row * lane.height];
      if (at && pitch[at - 1] !== null) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    });
    pen.stroke();
  };
  // On a light and on a dark stretch of the picture alike.
  along(colours.ground, 4);
  along(colours.pitch, 1.8);
}

function axis(pen, placed, scale, colours) {
  const most = Math.max(Math.floor((scale.width - LEFT) / 80), 2);
  const span = scale.end - scale.start;
  const step = STEPS.find((seconds) => span / seconds <= most) || STEPS[STEPS.length - 1];
  pen.font = `400 12px ${colours.font}`;
  pen.textAlign = "center";
  for (let tick = Math.ceil(scale.start / step) * step; tick <= scale.end; tick += step) {
    const x = Math.round(scale.x(tick)) + 0.5;
    pen.strokeStyle = css(colours.faint);
    pen.beginPath();
    pen.moveTo(x, MARKS);
    pen.lineTo(x, placed.axis.top + 3);
    pen.stroke();
    const text = clock(tick);
    const half = pen.measureText(text).width / 2;
    pen.fillStyle = css(colours.soft);
    pen.fillText(text, Math.min(Math.max(x, LEFT + half - 6), scale.width - half), placed.axis.top + 11);
  }
  pen.textAlign = "left";
  pen.fillStyle = css(colours.soft);
  pen.font = `400 11px ${colours.font}`;
  pen.fillText("Time", 0, placed.axis.top + 11);
}

// The whole call, small, with the part that is in view.
export function drawOverview(canvas, view, scale, colours) {
  const height = 26;
  const pen = sized(canvas, scale.width, height);
  const whole = new Scale(scale.seconds, scale.width, { start: 0, end: scale.seconds });
  pen.fillStyle = css(colours.lane);
  pen.fillRect(LEFT, 0, scale.width - LEFT - RIGHT, height);
  for (const block of shownBlocks(view, whole.perSecond)) {
    const colour = block.emotion ? colours.emotions[block.emotion] : colours.soft;
    const calm = !block.emotion || view.emotions[block.emotion].calm;
    pen.fillStyle = css(colour, calm ? 0.3 : 0.9);
    pen.fillRect(whole.x(block.start), 4, Math.max((block.end - block.start) * whole.perSecond, 1.5),
      height - 8);
  }
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.font = `600 12px ${colours.font}`;
  pen.fillStyle = css(colours.ink);
  pen.fillText("Whole call", 0, height / 2);
  pen.strokeStyle = css(colours.ink);
  pen.lineWidth = 2;
  pen.strokeRect(whole.x(scale.start), 1, (scale.end - scale.start) * whole.perSecond, height - 2);
}
