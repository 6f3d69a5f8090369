// The customer's blocks as they are drawn. Neighbours that sound alike become one; where the
// screen is too narrow for single segments, stretches of equal length are summed up instead.

const LEAST_PIXELS = 14;
const BRIDGED_SECONDS = 1.2;
// Upset that is short must not vanish among calm: in a summed-up stretch it counts so much more.
const UPSET_COUNTS = 2;

const length = (block) => block.end - block.start;

export function shownBlocks({ blocks, emotions, segment_seconds: segment }, pixelsPerSecond) {
  const stretch = Math.ceil(LEAST_PIXELS / pixelsPerSecond / segment) * segment;
  const single = stretch <= segment;
  const shown = single ? blocks.map((block) => ({ ...block })) : summedUp(blocks, stretch, emotions);
  return joined(shown, single ? BRIDGED_SECONDS : stretch);
}

function summedUp(blocks, stretch, emotions) {
  const stretches = new Map();
  for (const block of blocks) {
    const place = Math.floor(block.start / stretch);
    if (!stretches.has(place)) stretches.set(place, []);
    stretches.get(place).push(block);
  }
  return [...stretches.values()].map((members) => {
    const seconds = new Map();
    for (const block of members) {
      const kind = `${block.status} ${block.emotion}`;
      const counts = block.emotion && !emotions[block.emotion].calm ? UPSET_COUNTS : 1;
      seconds.set(kind, (seconds.get(kind) || 0) + counts * length(block));
    }
    const [kind] = [...seconds].reduce((most, other) => (other[1] > most[1] ? other : most));
    const alike = members.filter((block) => `${block.status} ${block.emotion}` === kind);
    return {
      ...alike[0], sure: mean(alike, "sure"), distress: mean(members, "distress"),
      start: members[0].start, end: members[members.length - 1].end,
    };
  });
}

function joined(blocks, bridge) {
  const shown = [];
  for (const block of blocks) {
    const last = shown[shown.length - 1];
    const alike = last && last.status === block.status && last.emotion === block.emotion;
    if (alike && block.start - last.end <= bridge) {
      last.sure = mean([last, block], "sure");
      last.distress = mean([last, block], "distress");
      last.end = Math.max(last.end, block.end);
    } else {
      shown.push(block);
    }
  }
  return shown;
}

function mean(blocks, field) {
  const known = blocks.filter((block) => block[field] !== null);
  const seconds = known.reduce((sum, block) => sum + length(block), 0);
  if (!seconds) return null;
  return known.reduce((sum, block) => sum + block[field] * length(block), 0) / seconds;
}
