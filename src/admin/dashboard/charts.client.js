// Draws the charts.
document.documentElement.dataset.charts = "";
