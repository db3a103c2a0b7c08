// The heat map over a photo, in the colours of the report (report/heatmaps.py).

// matplotlib's inferno in 17 steps: lightness rises evenly, so that grey and colour-blind eyes keep the order.
const INFERNO = [
  [0, 0, 4], [11, 7, 36], [33, 12, 74], [61, 9, 101], [87, 16, 110], [113, 25, 110], [138, 34, 106], [163, 44, 97], [188, 55, 84],
  [210, 70, 68], [228, 90, 49], [241, 115, 29], [249, 142, 9], [252, 172, 17], [249, 203, 53], [242, 234, 105], [252, 255, 164],
];
const FAINTEST = 0.3; // of the colours; below it is black, which would read as a shadow
const DIMMED = 0.55; // of the photo's light is left where the map is 0
const COVERED = 0.75; // of the photo is hidden where the map is strongest
const LINE = 0.5; // what lies within the white line is at least half of the strongest
const SIDE = 640; // pixels that are drawn; the browser scales them to the photo

/** Draw a heat map and lay it where it belongs. The canvas lies in the photo's frame. */
export const drawHeat = (canvas, heat) => {
  const [left, top, width, height] = heat.covers;
  canvas.style.left = `${100 * left}%`;
  canvas.style.top = `${100 * top}%`;
  canvas.style.width = `${100 * width}%`;
  canvas.style.height = `${100 * height}%`;
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(SIDE, SIDE);
  const strength = enlarged(heat);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let place = 0; place < strength.length; place += 1) pixels[place] = PALETTE[Math.round(255 * strength[place])];
  outline(strength, picture.data);
  context.putImageData(picture, 0, 0);
};

/** The small grid as SIDE x SIDE values, bilinear between the centres of its cells. */
const enlarged = ({ rows, columns, values }) => {
  const across = steps(columns), down = steps(rows);
  const out = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y += 1) {
    const [above, below, part] = down[y];
    for (let x = 0; x < SIDE; x += 1) {
      const [before, after, share] = across[x];
      const upper = values[above * columns + before] * (1 - share) + values[above * columns + after] * share;
      const lower = values[below * columns + before] * (1 - share) + values[below * columns + after] * share;
      out[y * SIDE + x] = Math.min(1, Math.max(0, upper * (1 - part) + lower * part));
    }
  }
  return out;
};

/** For each pixel of a side the two cells around it, and how far it is from the first. */
const steps = (cells) => Array.from({ length: SIDE }, (_, pixel) => {
  const at = Math.min(cells - 1, Math.max(0, ((pixel + 0.5) / SIDE) * cells - 0.5));
  const first = Math.floor(at);
  return [first, Math.min(cells - 1, first + 1), at - first];
});

/** Red, green, blue and opacity that dim a photo where the map is low and colour it where it is high. */
const coloured = (strength) => {
  const alpha = COVERED * Math.sqrt(strength);
  const cover = 1 - DIMMED * (1 - alpha);
  const at = (FAINTEST + (1 - FAINTEST) * strength) * (INFERNO.length - 1);
  const first = Math.min(INFERNO.length - 2, Math.floor(at));
  const mixed = INFERNO[first].map((one, k) => (one + (INFERNO[first + 1][k] - one) * (at - first)) * (alpha / cover));
  return [...mixed, 255 * cover];
};

/** The colours of 256 strengths, as four bytes each that are written at once. */
const PALETTE = new Uint32Array(new Uint8ClampedArray(Array.from({ length: 256 }, (_, step) => coloured(step / 255)).flat()).buffer);

const outline = (strength, data) => {
  const inside = (x, y) => strength[y * SIDE + x] >= LINE;
  for (let y = 1; y < SIDE - 1; y += 1) {
    for (let x = 1; x < SIDE - 1; x += 1) {
      const edge = inside(x, y) && !(inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1));
      if (edge) for (const [dx, dy] of [[0, 0], [1, 0], [0, 1]]) data.set([255, 255, 255, 235], 4 * ((y + dy) * SIDE + x + dx));
    }
  }
};
