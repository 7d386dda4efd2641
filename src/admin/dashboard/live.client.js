// Keeps the page live: asks for its pieces while somebody looks, shows questions, tells what was done.

// A large page takes its time to be made and to be shown.
const TICK_MS = document.querySelectorAll("tr[data-origin]").length > 200 ? 10_000 : 2_500;
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
  wrong: "the configuration is wrong",
  gone: "the admin is not here any more",
};

/** What to press about it; it opens this page anew. @type {Record<string, string>} */
const LINKS = { out: "Log in", wrong: "Show", gone: "Reload" };

/** @param {string} state */
function show(state) {
  if (pulse.dataset.state === state) return;
  pulse.dataset.state = state;
  pulse.textContent = PULSES[state];
  if (LINKS[state] !== undefined) {
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = LINKS[state];
    pulse.append(" ", link);
  }
}

/** @param {number} status */
function stateOf(status) {
  if (status < 400) return "live";
  return { 401: "out", 404: "gone", 500: "wrong" }[status] ?? "late";
}

/** Why nothing came of what somebody asked for. @param {number} status 0: no answer */
function reasonOf(status) {
  switch (status) {
    case 401:
      return "Not done: you are logged out. Log in in another tab, then try again.";
    case 404:
      return "Not done: it is not there any more.";
    case 500:
      return "Not done: the configuration is wrong.";
  }
  if (status >= 400 && status < 500) return `Not done: the router answers ${status}.`;
  return dialog.open ? "No answer. Look whether it was done before you try again." : "No answer.";
}

let hiding = 0;

/** @param {string} text */
function tell(text) {
  notice.textContent = text;
  clearTimeout(hiding);
  hiding = setTimeout(() => notice.replaceChildren(), NOTICE_MS);
}

/** Of somebody's own request, where it was made. @param {Element} asker @param {number} status */
function failed(asker, status) {
  if (isTicking(asker)) return;
  const problem = dialog.open ? document.getElementById("problem") : null;
  if (problem === null) tell(reasonOf(status));
  else problem.textContent = reasonOf(status);
}

/** Whether it asks by itself. @param {Element} asker */
function isTicking(asker) {
  return asker.getAttribute("hx-trigger")?.endsWith("from:body") ?? false;
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
  // One that is asked for something that has gone is still there itself.
  if (isTicking(event.target) || status === 401 || status >= 500) show(stateOf(status));
  if (status >= 400) failed(event.target, status);
});
body.addEventListener("htmx:error", (event) => {
  show("late");
  failed(event.target, 0);
});

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

body.addEventListener("limpet:done", (event) => {
  dialog.close();
  tell(event.detail.text);
  const found = document.querySelector("#page[data-found]");
  // Its rows may be gone or elsewhere now.
  if (found !== null) document.getElementById("find").requestSubmit();
  tick();
});
