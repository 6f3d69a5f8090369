// The picture of a voice, in the colours of the page; painted once for each picture and theme.

import { mixed } from "./colours.js";

let last = {};

export function painted(made, colours) {
  const theme = colours.ground.join();
  if (last.levels === made.levels && last.theme === theme) return last.canvas;
  const levels = Uint8Array.from(atob(made.levels), (letter) => letter.charCodeAt(0));
  const columns = levels.length / made.bands;
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = made.bands;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, made.bands);
  const shades = Array.from({ length: 256 }, (_, level) => (level < 160
    ? mixed(colours.ground, colours.line, level / 160)
    : mixed(colours.line, colours.ink, (level - 160) / 95)));
  levels.forEach((level, at) => {
    image.data.set([...shades[level].map(Math.round), 255], 4 * at);
  });
  pen.putImageData(image, 0, 0);
  last = { levels: made.levels, theme, canvas };
  return canvas;
}
