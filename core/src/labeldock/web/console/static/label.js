// Labelling: keys, rectangles drawn by pointer or keyboard, and the task kept for us.
// The form holds what is drawn as JSON; everything but rectangles works without this.
const form = document.querySelector("[data-label]");
const { keep } = form.dataset;
for (const part of form.querySelectorAll(".needs-script")) part.hidden = false;
for (const part of form.querySelectorAll(".without-script")) part.hidden = true;

// The task is ours while the page is open.
const say = () => fetch(keep, { method: "POST", headers: { Accept: "application/json" } }).catch(() => {});
let pulse = setInterval(say, 45_000);
say();
addEventListener("pagehide", () => clearInterval(pulse));
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  pulse = setInterval(say, 45_000);
  say();
});

// Single keys can be switched off, for those who dictate.
const single = form.querySelector("[data-keys]");
single.checked = localStorage.getItem("single-keys") !== "off";
single.addEventListener("change", () => localStorage.setItem("single-keys", single.checked ? "on" : "off"));

const canvas = form.querySelector("[data-canvas]");
if (canvas && form.elements.regions) openBoard(canvas);

addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    return form.requestSubmit(form.querySelector('[value="save"]'));
  }
  const isTyping = event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !single.checked) return;
  const key = event.key.toLowerCase();
  const wanted = key === "n" ? form.querySelector("[data-add]") : [...form.querySelectorAll("[data-key]")].find((each) => each.dataset.key === key);
  if (!wanted) return;
  event.preventDefault();
  const isAtRegion = event.target.closest(".regions");
  wanted.click();
  if (!isAtRegion && wanted.matches("input")) wanted.focus();
});

function openBoard(figure) {
  const [image, picture] = figure.children;
  const field = form.elements.regions;
  const list = form.querySelector(".regions");
  const status = form.querySelector("[data-say]");
  let regions = read();
  let current = null;
  const draw = (name, attributes, parent) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    parent.append(made);
    return made;
  };

  function read() {
    try {
      return JSON.parse(field.value).filter((each) => each && typeof each === "object");
    } catch {
      return [];
    }
  }

  const labels = () => [...form.querySelectorAll("[name=label]")];
  const chosen = () => labels().find((each) => each.checked);
  const colour = (region) => labels().find((each) => each.value === region.labels?.[0])?.dataset.colour ?? "#0e7c86";
  const name = (region) => `${region.labels?.join(", ") || "Rectangle"} ${regions.indexOf(region) + 1}`;
  const round = (number) => Math.round(number * 10) / 10;
  const place = (region) => `at ${round(region.x)}\u00a0%, ${round(region.y)}\u00a0%, ${round(region.width)}\u00a0×\u00a0${round(region.height)}\u00a0%`;

  // Corners in percent; turned ones by the true sides of the picture.
  function corners({ x, y, width, height, rotation = 0 }) {
    const ratio = image.naturalWidth / image.naturalHeight || 1;
    const angle = (rotation * Math.PI) / 180;
    return [[0, 0], [width, 0], [width, height], [0, height]].map(([across, down]) => [
      x + (across * ratio * Math.cos(angle) - down * Math.sin(angle)) / ratio,
      y + across * ratio * Math.sin(angle) + down * Math.cos(angle),
    ]);
  }

  function show() {
    picture.replaceChildren();
    for (const region of regions) {
      const points = corners(region);
      const shape = draw("polygon", { points: points.join(" "), stroke: colour(region), fill: colour(region) }, picture);
      shape.region = region;
      if (region !== current) continue;
      shape.classList.add("seen");
      draw("path", { class: "dot grip", d: `M${points[2].join(" ")}h0.001`, stroke: colour(region) }, picture).region = region;
    }
    field.value = JSON.stringify(regions);
  }

  function showList() {
    const isHere = list.contains(document.activeElement);
    list.replaceChildren(
      ...regions.map((region) => {
        const item = document.createElement("li");
        const [pick, remove] = [document.createElement("button"), document.createElement("button")];
        pick.type = remove.type = "button";
        pick.className = remove.className = "quiet";
        pick.region = region;
        pick.ariaPressed = String(region === current);
        pick.textContent = `${name(region)}, ${place(region)}`;
        remove.textContent = "Remove";
        remove.ariaLabel = `Remove ${name(region)}`;
        pick.addEventListener("focus", () => select(region));
        pick.addEventListener("click", () => select(region));
        remove.addEventListener("click", () => drop(region));
        item.append(pick, remove);
        return item;
      }),
    );
    if (isHere) focus();
  }

  const focus = () => [...list.querySelectorAll("button")].find((each) => each.region === current)?.focus();

  function select(region) {
    if (current === region) return;
    current = region;
    for (const label of labels()) if (region?.labels?.[0] === label.value) label.checked = true;
    for (const each of list.querySelectorAll("[aria-pressed]")) each.ariaPressed = String(each.region === region);
    show();
  }

  function change() {
    show();
    showList();
  }

  function add(x, y, width, height) {
    if (!image.naturalWidth) return void (status.textContent = "The picture has not loaded.");
    const size = { original_width: image.naturalWidth, original_height: image.naturalHeight };
    const label = chosen();
    current = { x, y, width, height, rotation: 0, labels: label ? [label.value] : [], ...size };
    current.id = Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    regions.push(current);
    change();
    return current;
  }

  function drop(region) {
    const at = regions.indexOf(region);
    regions = regions.filter((each) => each !== region);
    current = regions[Math.min(at, regions.length - 1)] ?? null;
    change();
    status.textContent = "Removed.";
    current ? focus() : form.querySelector("[data-add]").focus();
  }

  // Within the picture, and never nothing; turned ones are where they are.
  function fit(region) {
    region.width = Math.min(Math.max(region.width, 0.5), 100);
    region.height = Math.min(Math.max(region.height, 0.5), 100);
    if (region.rotation) return;
    region.x = Math.min(Math.max(region.x, 0), 100 - region.width);
    region.y = Math.min(Math.max(region.y, 0), 100 - region.height);
  }

  form.querySelector("[data-add]").addEventListener("click", () => {
    if (add(35, 35, 30, 30)) focus();
    if (current) status.textContent = `${name(current)} added, ${place(current)}. Arrows move it.`;
  });
  for (const label of labels()) {
    label.addEventListener("click", () => {
      if (!current) return;
      current.labels = [label.value];
      change();
    });
  }

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  list.addEventListener("keydown", (event) => {
    const region = event.target.region;
    if (!region) return;
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      return drop(region);
    }
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const far = event.ctrlKey ? 0.1 : 1;
    if (event.shiftKey) {
      region.width = Math.min(region.width + step[0] * far, 100 - region.x);
      region.height = Math.min(region.height + step[1] * far, 100 - region.y);
    } else {
      region.x += step[0] * far;
      region.y += step[1] * far;
    }
    fit(region);
    show();
    event.target.textContent = `${name(region)}, ${place(region)}`;
    status.textContent = place(region);
  });

  // The pointer: draws where there is nothing, moves what is there, resizes by the grip.
  const at = (event) => {
    const box = image.getBoundingClientRect();
    const clamp = (number) => Math.min(Math.max(number, 0), 100);
    return [clamp(((event.clientX - box.left) / box.width) * 100), clamp(((event.clientY - box.top) / box.height) * 100)];
  };
  let held = null;
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    const from = at(event);
    const region = event.target.region;
    if (region) select(region);
    held = { from, region, was: region && { ...region }, isGrip: event.target.classList.contains("grip") };
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = at(event);
    const [left, top] = held.from;
    if (!held.region) {
      if (Math.hypot(x - left, y - top) < 1) return;
      held.region = add(left, top, 0.5, 0.5);
      if (!held.region) return void (held = null);
      held.isNew = true;
    }
    const { region, was } = held;
    if (held.isNew) Object.assign(region, { x: Math.min(x, left), y: Math.min(y, top), width: Math.abs(x - left), height: Math.abs(y - top) });
    else if (held.isGrip) Object.assign(region, { width: Math.min(was.width + x - left, 100 - was.x), height: Math.min(was.height + y - top, 100 - was.y) });
    else Object.assign(region, { x: was.x + x - left, y: was.y + y - top });
    fit(region);
    show();
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    picture.addEventListener(kind, () => {
      if (held?.region) showList();
      held = null;
    });
  }

  change();
  image.addEventListener("load", show);

}
