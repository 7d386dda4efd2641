// Keeps the page live: asks for its pieces while somebody looks, shows questions, tells what was done.

const TICK_MS = 2_500;
const NOTICE_MS = 6_000;

const { body } = document;
const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));
const pulse = document.getElementById("pulse");
const notice = document.getElementById("notice");

/** @type {Record<string, string>} */
const PULSES = {
  live: "live",
  late: "no answer, trying again",
  out: "logged out",
};

/** @param {string} state */
function show(state) {
  if (pulse.dataset.state === state) return;
  pulse.dataset.state = state;
  pulse.textContent = PULSES[state];
  if (state === "out") {
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "Log in";
    pulse.append(" ", link);
  }
}

function tick() {
  if (document.hidden) return;
  body.dispatchEvent(new CustomEvent("limpet:tick"));
  // What a search has found stays until somebody leaves it.
  if (document.querySelector("#page[data-found]") === null) {
    body.dispatchEvent(new CustomEvent("limpet:list"));
  }
}

setInterval(tick, TICK_MS);
document.addEventListener("visibilitychange", tick);

// Every answer says whether the router is there, and whether it still knows us.
body.addEventListener("htmx:after:request", (event) => {
  const { status } = event.detail.ctx.response;
  show(status === 401 ? "out" : status >= 500 ? "late" : "live");
});
body.addEventListener("htmx:error", () => show("late"));

body.addEventListener("htmx:after:swap", () => {
  const ask = document.getElementById("ask");
  const isAsked = ask.childElementCount > 0;
  if (isAsked && !dialog.open) dialog.showModal();
});

dialog.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  if (target === dialog || target.closest("[data-close]") !== null) dialog.close();
});
dialog.addEventListener("close", () => document.getElementById("ask").replaceChildren());

let hiding = 0;
body.addEventListener("limpet:done", (event) => {
  dialog.close();
  notice.textContent = event.detail.text;
  clearTimeout(hiding);
  hiding = setTimeout(() => notice.replaceChildren(), NOTICE_MS);
  const found = document.querySelector("#page[data-found]");
  // Its rows may be gone or elsewhere now.
  if (found !== null) document.getElementById("find").requestSubmit();
  tick();
});
