// What the theme leaves to the mouse and the eye: names for a screen reader, and a place in the order of the Tab key for
// what scrolls by itself. The theme makes some of these elements late, so we look again when something has been added.
const mend = () => {
  for (const search of document.querySelectorAll('[data-md-component="search"]')) {
    search.setAttribute("aria-label", "Search");
  }
  for (const buttons of document.querySelectorAll(".md-code__nav")) {
    buttons.setAttribute("role", "none"); // the button that copies leads nowhere: no landmark
  }
  for (const section of document.querySelectorAll(".md-nav[aria-labelledby]")) {
    const title = section.querySelector(":scope > .md-nav__title");
    section.removeAttribute("aria-labelledby"); // the label of a section that is a page is empty
    section.setAttribute("aria-label", title.textContent.trim());
  }
  for (const wide of document.querySelectorAll(".md-typeset :is(.md-typeset__scrollwrap, div.arithmatex)")) {
    wide.tabIndex = wide.scrollWidth > wide.clientWidth ? 0 : -1;
  }
};
let waiting = 0;
const soon = () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(mend);
};
new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", soon);
addEventListener("load", soon);
