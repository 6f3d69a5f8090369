// Colours that can be told from their ground, in light and in dark.

export function rgb(text) {
  const hex = text.trim().match(/^#([0-9a-f]{6})/i);
  if (hex) return [0, 2, 4].map((at) => parseInt(hex[1].slice(at, at + 2), 16));
  return (text.match(/[\d.]+/g) || [0, 0, 0]).slice(0, 3).map(Number);
}

export const css = (colour, alpha = 1) => `rgba(${colour.map(Math.round).join(",")},${alpha})`;

export const mixed = (one, other, share) => one.map((value, at) => value + share * (other[at] - value));

function luminance(colour) {
  const [red, green, blue] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// The colour, moved towards `ink` until it stands out from `ground` at least so much.
export function visible(colour, ground, ink, least = 3) {
  for (let share = 0; share < 1; share += 0.05) {
    const tried = mixed(colour, ink, share);
    if (contrast(tried, ground) >= least) return tried;
  }
  return ink;
}

export function letters(ground) {
  const [dark, light] = [[20, 26, 30], [255, 255, 255]];
  return contrast(dark, ground) >= contrast(light, ground) ? dark : light;
}
