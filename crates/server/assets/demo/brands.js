// Brands of cards: their names, and a mark for each, which is a letter in a shape and nobody's trademark.

const BRANDS = {
  amex: { name: "American Express", letter: "A", shape: "square" },
  diners: { name: "Diners Club", letter: "D", shape: "circle" },
  discover: { name: "Discover", letter: "D", shape: "hexagon" },
  eftpos_au: { name: "eftpos", letter: "E", shape: "triangle" },
  jcb: { name: "JCB", letter: "J", shape: "shield" },
  mastercard: { name: "Mastercard", letter: "M", shape: "diamond" },
  unionpay: { name: "UnionPay", letter: "U", shape: "slant" },
  visa: { name: "Visa", letter: "V", shape: "wave" },
  unknown: { name: "Card", letter: "", shape: "chip" },
};

/** Shapes in a field of 40 by 28, as the data of an SVG path. */
const SHAPES = {
  chip: "M12 8h16v12H12zM12 12h5v4h-5M28 12h-5v4h5",
  circle: "M20 4a10 10 0 1 1 0 20a10 10 0 1 1 0-20z",
  diamond: "M20 2.5L33 14L20 25.5L7 14z",
  hexagon: "M13.5 4h13L33 14l-6.5 10h-13L7 14z",
  shield: "M9 4h22v11c0 5-5 8-11 10c-6-2-11-5-11-10z",
  slant: "M14 4h20l-8 20H6z",
  square: "M9 4h22v20H9z",
  triangle: "M20 3L33 25H7z",
  wave: "M5 9c6-6 10-6 15-3s9 3 15-1v14c-6 6-10 6-15 3s-9-3-15 1z",
};

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

function brand(id) {
  return BRANDS[id] ?? BRANDS.unknown;
}

export function brandName(id) {
  return brand(id).name;
}

/** A brand's mark. It is silent to screen readers, since the name stands beside it. */
export function brandMark(id) {
  const { letter, shape } = brand(id);
  const mark = svg("svg", { viewBox: "0 0 40 28", width: "40", height: "28", class: `brand ${shape}`, "aria-hidden": "true" });
  const text = svg("text", { x: "20", y: shape === "triangle" ? "21.5" : "18.5" });
  text.textContent = letter;
  mark.append(svg("rect", { x: "0.5", y: "0.5", width: "39", height: "27", rx: "4" }), svg("path", { d: SHAPES[shape] }), text);
  return mark;
}
