"use strict";
// The map of all photos: points that show their photo. What is data becomes text, never markup.
(() => {
  const byId = (name) => document.getElementById(name);
  const live = byId("map-live");
  if (!live) return;
  const data = JSON.parse(byId("map-data").textContent);
  const plane = byId("map-plane");
  const sheet = byId("map-sheet");
  const SPACE = "http://www.w3.org/2000/svg";
  const SIDE = 1000, EDGE = 30, COUNT = data.path.length;
  const REACH = { mouse: 20, touch: 34 };

  const make = (name, attributes, parent) => {
    const element = document.createElementNS(SPACE, name);
    for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
    parent.appendChild(element);
    return element;
  };
  const at = (step) => EDGE + (step / data.steps) * (SIDE - 2 * EDGE);
  const x = data.x.map(at), y = data.y.map(at);
  const tested = (photo) => data.said[photo] >= 0;
  const wrong = (photo) => tested(photo) && data.said[photo] !== data.class[photo];
  const all = Array.from({ length: COUNT }, (_, photo) => photo);
  const anyTested = all.some(tested);

  const svg = make("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" }, plane);
  // What was tested lies over what was not, mistakes over all.
  const rank = (photo) => (wrong(photo) ? 2 : tested(photo) ? 1 : 0);
  const points = [], rings = [];
  for (const photo of [...all].sort((a, b) => rank(a) - rank(b) || a - b)) {
    const label = data.class[photo];
    const pale = anyTested && !tested(photo) ? " pale" : "";
    points[photo] = make("path", { class: `k${label % data.colours}${pale}`, d: data.outlines[label] }, svg);
    if (wrong(photo)) rings[photo] = make("circle", { cx: x[photo], cy: y[photo] }, svg);
  }
  const here = make("circle", { class: "map-here", display: "none" }, svg);

  // Points keep their size on the screen, however wide the map is.
  let unit = 1;
  const resize = () => {
    const width = svg.getBoundingClientRect().width;
    if (!width) return;
    unit = SIDE / width;
    const radius = (COUNT > 1500 ? 3 : 4.5) * unit;
    for (const photo of all) {
      points[photo].setAttribute("transform", `translate(${x[photo]} ${y[photo]}) scale(${radius})`);
      if (rings[photo]) rings[photo].setAttribute("r", 8 * unit);
    }
    here.setAttribute("r", 11 * unit);
  };

  const visible = new Array(COUNT).fill(true);
  const boxes = (name) => [...live.querySelectorAll(`input[data-${name}]`)];
  const ticked = (name) => new Set(boxes(name).filter((box) => box.checked).map((box) => Number(box.dataset[name])));
  const filter = () => {
    const classes = ticked("class"), parts = ticked("part"), ofParts = boxes("part").length > 0;
    const mistakes = boxes("mistakes").some((box) => box.checked);
    for (const photo of all) {
      const shown = classes.has(data.class[photo]) && (!ofParts || parts.has(data.part[photo]))
        && (!mistakes || wrong(photo));
      visible[photo] = shown;
      for (const element of [points[photo], rings[photo]]) {
        if (element && shown) element.removeAttribute("display");
        else if (element) element.setAttribute("display", "none");
      }
    }
    if (current >= 0 && !visible[current]) here.setAttribute("display", "none");
    else if (current >= 0) here.removeAttribute("display");
  };

  // The listed photos stand in the page at a better size than their tiles have.
  const source = (photo) => {
    const larger = document.querySelector(`img[data-photo="${photo}"]`);
    if (larger && larger.complete && larger.naturalWidth) {
      return [larger, 0, 0, larger.naturalWidth, larger.naturalHeight];
    }
    const left = (photo % data.across) * data.tile, top = Math.floor(photo / data.across) * data.tile;
    return [sheet, left, top, data.width[photo], data.height[photo]];
  };
  const draw = (canvas, photos, side) => {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    canvas.hidden = photos.length === 0;
    if (!sheet.complete || !sheet.naturalWidth) return;
    pen.imageSmoothingQuality = "high";
    photos.forEach((photo, place) => {
      const [picture, left, top, width, height] = source(photo);
      const scale = (side - 8) / Math.max(width, height);
      pen.drawImage(picture, left, top, width, height, place * side, 0, width * scale, height * scale);
    });
  };

  let current = -1;
  const say = (name, text) => { byId(name).textContent = text; };
  const show = (photo) => {
    if (photo < 0 || photo === current) return;
    current = photo;
    here.setAttribute("cx", x[photo]);
    here.setAttribute("cy", y[photo]);
    here.removeAttribute("display");
    const name = data.classes[data.class[photo]];
    const sure = `${Math.round(100 * data.sure[photo])} %`;
    const near = data.near[photo] || [];
    say("map-verdict", !tested(photo) ? name
      : wrong(photo) ? `${name}, named ${data.classes[data.said[photo]]} (${sure})` : `${name}, named rightly (${sure})`);
    say("map-class", `Part: ${data.parts[data.part[photo]]}`);
    say("map-path", data.path[photo]);
    say("map-near", near.length
      ? `Nearest photos: ${near.map((other) => data.classes[data.class[other]]).join(", ")}` : "");
    draw(byId("map-photo"), [photo], 320);
    draw(byId("map-neighbours"), near, 128);
  };

  const nearest = (event, reach) => {
    const box = svg.getBoundingClientRect();
    const left = (event.clientX - box.left) * unit, top = (event.clientY - box.top) * unit;
    let best = -1, least = (reach * unit) ** 2;
    for (const photo of all) {
      const far = (x[photo] - left) ** 2 + (y[photo] - top) ** 2;
      if (visible[photo] && far <= least) { best = photo; least = far; }
    }
    return best;
  };
  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const beside = ([right, down]) => {
    let best = -1, least = Infinity;
    for (const photo of all) {
      const dx = x[photo] - x[current], dy = y[photo] - y[current];
      const along = dx * right + dy * down, across = Math.abs(dx * down) + Math.abs(dy * right);
      const cost = along + 2 * across;
      if (visible[photo] && along > 0 && across <= 2 * along && cost < least) { best = photo; least = cost; }
    }
    return best;
  };
  const mistake = (step) => {
    const found = all.filter((photo) => visible[photo] && wrong(photo));
    if (!found.length) return -1;
    const after = step > 0 ? found.find((photo) => photo > current) : found.reverse().find((photo) => photo < current);
    return after === undefined ? found[0] : after;
  };
  const first = () => all.findIndex((photo) => visible[photo]);

  plane.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const lost = current < 0 || !visible[current];
    if (event.key in WAYS) show(lost ? first() : beside(WAYS[event.key]));
    else if (event.key === "Home") show(first());
    else if (event.key === "PageDown") show(mistake(1));
    else if (event.key === "PageUp") show(mistake(-1));
    else return;
    event.preventDefault();
  });
  svg.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") show(nearest(event, REACH.mouse));
  });
  svg.addEventListener("click", (event) => show(nearest(event, REACH.touch)));
  live.addEventListener("change", filter);
  const toggle = byId("map-toggle");
  if (toggle) toggle.addEventListener("click", () => {
    const none = ticked("class").size === 0;
    for (const box of boxes("class")) box.checked = none;
    filter();
  });
  sheet.addEventListener("load", () => {
    const photo = current;
    current = -1;
    show(photo);
  });

  live.hidden = false;
  const still = byId("map-still");
  if (still) still.hidden = true;
  filter();
  resize();
  new ResizeObserver(resize).observe(plane);
})();
