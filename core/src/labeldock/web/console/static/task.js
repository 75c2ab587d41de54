// A part of an annotation and its shape on the picture, seen together.
for (const kind of ["pointerover", "focusin", "pointerout", "focusout"]) {
  document.addEventListener(kind, ({ type, target }) => {
    const part = target.closest?.("[data-part]")?.dataset.part;
    if (part === undefined) return;
    const isOn = type === "pointerover" || type === "focusin";
    for (const each of document.querySelectorAll(`[data-part="${part}"]`)) each.classList.toggle("seen", isOn);
  });
}

// A picture is as large as the screen shows at once.
for (const image of document.querySelectorAll(".canvas > img")) {
  const fit = () => image.naturalHeight && (image.parentElement.style.maxWidth = `calc(82vh * ${image.naturalWidth / image.naturalHeight})`);
  image.addEventListener("load", fit);
  fit();
}
