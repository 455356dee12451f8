// Color maps ordered in lightness (readable without color vision); stops from 0 to 1, evenly spaced.
// viridis and cividis: Smith and van der Walt (2015), Nuñez, Anderton and Renslow (2018).
const COLORMAP_STOPS = {
  hot: [[70, 30, 0], [120, 55, 0], [175, 85, 0], [222, 122, 0], [250, 165, 30], [255, 212, 100], [255, 248, 205]],
  cool: [[20, 30, 110], [25, 70, 175], [20, 115, 215], [20, 160, 230],
    [60, 200, 230], [140, 230, 230], [225, 255, 245]],
  viridis: [[68, 1, 84], [70, 50, 126], [54, 92, 141], [39, 127, 142], [31, 161, 135], [74, 193, 109],
    [160, 218, 57], [253, 231, 37]],
  cividis: [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120],
    [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]],
};

function colorAt(name, fraction) {
  const stops = COLORMAP_STOPS[name];
  const position = clamp(fraction, 0, 1) * (stops.length - 1);
  const index = Math.min(Math.floor(position), stops.length - 2);
  const part = position - index;
  return stops[index].map((from, channel) => Math.round(from + (stops[index + 1][channel] - from) * part));
}

// 256 packed RGBA colors. Alpha rises with the value: low values never cover the picture.
function overlayTable(name) {
  const table = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    const [red, green, blue] = colorAt(name, value / 255);
    const alpha = Math.round(255 * clamp((value / 255 - 0.05) / 0.45, 0, 1));
    table[value] = ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }
  return table;
}

function cssGradient(name) {
  const stops = [0, 0.2, 0.4, 0.6, 0.8, 1].map((f) => `rgb(${colorAt(name, f).join(",")})`);
  return `linear-gradient(90deg, ${stops.join(",")})`;
}
