// On paper nobody can click: what is behind a click is printed open, and closed again afterwards.
const opened = [];
addEventListener("beforeprint", () => {
  for (const answer of document.querySelectorAll("details:not([open])")) {
    if (answer.closest(".doc, .draw")) continue; // the source of the embedded API stays closed, and what draws a figure
    answer.open = true;
    opened.push(answer);
  }
});
addEventListener("afterprint", () => {
  for (const answer of opened.splice(0)) answer.open = false;
});
