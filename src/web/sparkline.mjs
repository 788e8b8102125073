// A small line chart of the last numbers, as SVG that stretches to its box.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 100;
const HEIGHT = 32;

export class Sparkline {
  // top: the number at the upper edge; undefined: the largest shown. length: how many numbers.
  constructor(box, { top, length = 60 } = {}) {
    this.numbers = [];
    this.top = top;
    this.length = length;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    this.area = svg.appendChild(document.createElementNS(SVG, "path"));
    this.area.setAttribute("class", "area");
    this.edge = svg.appendChild(document.createElementNS(SVG, "path"));
    this.edge.setAttribute("class", "edge");
    box.replaceChildren(svg);
  }

  push(number) {
    this.numbers.push(number);
    if (this.numbers.length > this.length) this.numbers.shift();
  }

  draw() {
    if (this.numbers.length < 2) return;
    const top = this.top ?? Math.max(...this.numbers, Number.MIN_VALUE);
    const step = WIDTH / (this.length - 1);
    const start = WIDTH - step * (this.numbers.length - 1);
    const points = this.numbers.map((number, index) => {
      const part = Math.min(Math.max(number / top, 0), 1);
      return `${(start + index * step).toFixed(2)} ${(HEIGHT - 1 - part * (HEIGHT - 3)).toFixed(2)}`;
    });
    this.edge.setAttribute("d", `M${points.join("L")}`);
    this.area.setAttribute("d", `M${points.join("L")}L${WIDTH} ${HEIGHT}L${start.toFixed(2)} ${HEIGHT}Z`);
  }
}
