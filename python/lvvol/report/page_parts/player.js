"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const player = byId("player"), play = byId("play"), slider = byId("phase"), speed = byId("speed");
  const outline = byId("outline"), large = byId("large"), cursor = byId("cursor"), curve = byId("curve");
  const thumbs = [...document.querySelectorAll(".thumb")];
  const cells = [...document.querySelectorAll("#map td")];
  const line = getComputedStyle(document.documentElement).getPropertyValue("--contour").trim();
  const state = { phase: data.ed, slice: data.slices.length >> 1, playing: false, last: null, part: 0 };

  const sprites = data.slices.map((slice) => {
    const image = new Image();
    image.src = slice.sprite;
    return image;
  });

  function draw(canvas, z, t, width, contours) {
    const context = canvas.getContext("2d"), tile = data.tile, scale = canvas.width / tile;
    context.imageSmoothingQuality = "high";
    const x = (t % data.columns) * tile, y = Math.floor(t / data.columns) * tile;
    context.drawImage(sprites[z], x, y, tile, tile, 0, 0, canvas.width, canvas.height);
    if (!contours) return;
    context.strokeStyle = line;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.beginPath();
    for (const points of data.slices[z].contours[t]) {
      for (let i = 0; i < points.length; i += 2)
        context[i ? "lineTo" : "moveTo"](points[i] * scale / 10, points[i + 1] * scale / 10);
      context.closePath();
    }
    context.stroke();
  }

  function show() {
    const t = state.phase, z = state.slice, shown = outline.checked;
    thumbs.forEach((thumb, i) => {
      draw(thumb.firstElementChild, i, t, 1.5, shown);
      thumb.setAttribute("aria-pressed", String(i === z));
    });
    draw(large, z, t, 2, shown);
    slider.value = t;
    slider.setAttribute("aria-valuetext", `phase ${t + 1} of ${data.phases}`);
    byId("phase-number").value = t + 1;
    byId("phase-volume").value = data.volumes[t].toFixed(1);
    byId("large-caption").textContent =
      `Slice ${z + 1} of ${data.slices.length}, phase ${t + 1}: ` +
      (data.slices[z].leftOut ? "left out" : `${data.slices[z].areas[t]} mm²`);
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("transform", `translate(${data.xs[t]} 0)`);
    for (const cell of cells)
      cell.classList.toggle("now", +cell.dataset.t === t && +cell.dataset.z === z);
  }

  function beat(now) {
    if (!state.playing) return;
    // A frame's time may lie before the moment at which it was asked for.
    state.part += Math.max(0, now - (state.last ?? now)) * speed.value * data.phases / data.cycle;
    state.last = now;
    const steps = Math.floor(state.part);
    if (steps) {
      state.part -= steps;
      state.phase = (state.phase + steps) % data.phases;
      show();
    }
    requestAnimationFrame(beat);
  }

  function setPlaying(playing) {
    if (playing === state.playing) return;
    state.playing = playing;
    play.textContent = playing ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(playing));
    state.last = null;
    if (playing) requestAnimationFrame(beat);
  }

  function goTo(phase, slice) {
    setPlaying(false);
    state.phase = (phase + data.phases) % data.phases;
    state.slice = Math.min(Math.max(slice, 0), data.slices.length - 1);
    show();
  }

  play.addEventListener("click", () => setPlaying(!state.playing));
  slider.addEventListener("input", () => goTo(+slider.value, state.slice));
  outline.addEventListener("change", show);
  thumbs.forEach((thumb, z) => thumb.addEventListener("click", () => { state.slice = z; show(); }));
  byId("map").addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (cell) goTo(+cell.dataset.t, +cell.dataset.z);
  });
  curve.addEventListener("click", (event) => {
    const box = curve.getBoundingClientRect();
    const x = (event.clientX - box.left) * curve.viewBox.baseVal.width / box.width;
    const away = data.xs.map((place) => Math.abs(place - x));
    goTo(away.indexOf(Math.min(...away)), state.slice);
  });

  let drag = null;
  large.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, phase: state.phase };
    large.setPointerCapture(event.pointerId);
  });
  large.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const steps = Math.round((event.clientX - drag.x) * data.phases / large.clientWidth);
    if (steps || !state.playing) goTo(drag.phase + steps + data.phases * 4, state.slice);
  });
  for (const end of ["pointerup", "pointercancel"]) large.addEventListener(end, () => { drag = null; });

  player.addEventListener("keydown", (event) => {
    const inside = event.target, key = event.key;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (inside === speed || (inside === slider && key.startsWith("Arrow"))) return;
    if (key === " " && inside.closest("button, input")) return;
    if (key === " ") setPlaying(!state.playing);
    else if (key === "ArrowLeft") goTo(state.phase - 1, state.slice);
    else if (key === "ArrowRight") goTo(state.phase + 1, state.slice);
    else if (key === "ArrowUp") goTo(state.phase, state.slice - 1);
    else if (key === "ArrowDown") goTo(state.phase, state.slice + 1);
    else if (key === "c" || key === "C") { outline.checked = !outline.checked; show(); }
    else return;
    event.preventDefault();
  });

  Promise.all(sprites.map((image) => image.decode())).then(() => {
    for (const still of document.querySelectorAll("canvas.still"))
      draw(still, +still.dataset.z, +still.dataset.t, 1.5, true);
    show();
    document.documentElement.dataset.ready = "yes";
    setPlaying(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  });
})();
