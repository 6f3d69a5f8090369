// The customer's blocks as they are drawn: neighbours that sound alike become one, and what
// would be narrower than a few pixels joins the stronger of its neighbours.

const LEAST_PIXELS = 7;
const BRIDGED_SECONDS = 1.2;

const length = (block) => block.end - block.start;
const alike = (one, other) => one.status === other.status && one.emotion === other.emotion;

function joined(one, other, kind) {
  const [first, second] = [length(one), length(other)];
  const mean = (field) => (one[field] === null || other[field] === null)
    ? (one[field] ?? other[field])
    : (one[field] * first + other[field] * second) / (first + second);
  return {
    start: one.start, end: Math.max(one.end, other.end), status: kind.status,
    emotion: kind.emotion, sure: mean("sure"), distress: mean("distress"),
  };
}

export function shownBlocks(blocks, pixelsPerSecond) {
  const bridge = Math.max(BRIDGED_SECONDS, LEAST_PIXELS / 2 / pixelsPerSecond);
  const least = LEAST_PIXELS / pixelsPerSecond;
  const shown = [];
  for (const block of blocks) {
    const last = shown[shown.length - 1];
    const near = last && block.start - last.end <= bridge;
    if (near && alike(last, block) && (length(block) < 3 * least || length(last) < 3 * least)) {
      shown[shown.length - 1] = joined(last, block, last);
    } else if (near && (length(last) < least || length(block) < least)) {
      shown[shown.length - 1] = joined(last, block, length(last) >= length(block) ? last : block);
    } else {
      shown.push({ ...block });
    }
  }
  return shown;
}
