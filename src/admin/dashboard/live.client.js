// Keeps the page live.
document.documentElement.dataset.live = "";
