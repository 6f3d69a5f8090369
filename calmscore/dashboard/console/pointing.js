// Pointing: a click plays, a drag moves the view, wheel and pinch zoom.

import { LEFT, Scale } from "./lanes.js";
import { clock } from "./numbers.js";
import { describe } from "./describing.js";

const CLICK_PIXELS = 5;
const TIP_HALF_PIXELS = 120;
// What is shown of the call after a click on the overview while all of it was in view.
const FIRST_ZOOM_SECONDS = 60;

export function pointAtLanes(time, tip, shown) {
  const touches = new Map();
  const along = (event) => event.clientX - time.getBoundingClientRect().left;
  const at = (event) => shown.scale.at(along(event));
  let from = null;
  let apart = null;
  time.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    touches.set(event.pointerId, event.clientX);
    time.setPointerCapture(event.pointerId);
    if (touches.size === 1) from = { x: event.clientX, span: shown.span.copy(), moved: false };
    if (touches.size === 2) apart = { distance: spread(touches), span: shown.span.copy(), at: at(event) };
  });
  time.addEventListener("pointermove", (event) => {
    if (touches.has(event.pointerId)) touches.set(event.pointerId, event.clientX);
    if (touches.size === 2 && apart) {
      from.moved = true;
      const width = apart.span.width * (apart.distance / Math.max(spread(touches), 10));
      shown.span.zoomTo(width, apart.at, apart.span);
    } else if (touches.size === 1 && from) {
      const shift = event.clientX - from.x;
      if (Math.abs(shift) > CLICK_PIXELS) from.moved = true;
      if (from.moved) {
        shown.dragging = true;
        shown.span.pan(-shift / shown.scale.perSecond, from.span);
      }
    }
    hover(event);
  });
  const up = (event) => {
    if (!touches.delete(event.pointerId)) return;
    const clicked = event.type === "pointerup" && from && !from.moved && along(event) >= LEFT - 4;
    if (clicked) shown.playFrom(at(event));
    if (!touches.size) {
      from = null;
      apart = null;
      shown.dragging = false;
    }
  };
  time.addEventListener("pointerup", up);
  time.addEventListener("pointercancel", up);
  time.addEventListener("pointerleave", () => { tip.hidden = true; });
  time.addEventListener("wheel", (event) => {
    const { span } = shown;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (sideways) span.pan((event.deltaX || event.deltaY) / shown.scale.perSecond);
    else if (event.deltaY >= 0 && span.whole) return; // The page scrolls.
    else span.zoomTo(span.width * Math.exp(event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), at(event));
    event.preventDefault();
  }, { passive: false });

  function hover(event) {
    const x = along(event);
    tip.hidden = x < LEFT || event.pointerType === "touch" || event.buttons > 0;
    if (tip.hidden) return;
    tip.textContent = `${clock(at(event))} · ${describe(shown.view, at(event))}`;
    tip.style.left = `${Math.min(Math.max(x, TIP_HALF_PIXELS), time.clientWidth - TIP_HALF_PIXELS)}px`;
  }
}

export function pointAtOverview(overview, shown) {
  const go = (event) => {
    const box = overview.getBoundingClientRect();
    const { span } = shown;
    const width = span.whole ? FIRST_ZOOM_SECONDS : span.width;
    const whole = new Scale(span.seconds, box.width, { start: 0, end: span.seconds });
    span.lookAt(whole.at(event.clientX - box.left) - width / 2, width);
  };
  overview.addEventListener("pointerdown", (event) => {
    overview.setPointerCapture(event.pointerId);
    go(event);
  });
  overview.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
}

const spread = (touches) => {
  const [one, other] = [...touches.values()];
  return Math.abs(one - other);
};
