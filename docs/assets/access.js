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
  for (const inner of document.querySelectorAll(".md-nav--secondary .md-nav")) {
    inner.removeAttribute("aria-label"); // a list in the list of what stands on a page: no landmark, and names repeat
    inner.setAttribute("role", "none");
  }
  for (const wide of document.querySelectorAll(".md-typeset :is(.md-typeset__scrollwrap, div.arithmatex)")) {
    wide.tabIndex = wide.scrollWidth > wide.clientWidth ? 0 : -1;
  }
  mendDrawer();
};

// On a narrow screen the navigation is a drawer, and its sections are panels that slide over one another. The Tab key
// reaches the panel that is seen, and in the labels that open and close it there are buttons.
const narrow = matchMedia("(max-width: 76.234375em)"); // the theme's own limit
const mendDrawer = () => {
  const drawer = document.querySelector("#__drawer");
  const sidebar = document.querySelector(".md-sidebar--primary");
  if (!drawer || !sidebar) return;
  for (const element of sidebar.querySelectorAll("[inert]")) element.inert = false;
  sidebar.inert = narrow.matches && !drawer.checked;
  for (const toggle of narrow.matches ? sidebar.querySelectorAll(".md-nav__toggle") : []) {
    const panel = toggle.parentElement.querySelector(":scope > .md-nav");
    if (panel && !toggle.checked) panel.inert = true;
    for (let inner = toggle.checked && panel; inner && inner !== sidebar; inner = inner.parentElement) {
      for (const beside of inner.parentElement.children) beside.inert ||= beside !== inner; // it lies under the panel
    }
  }
  const buttons = { 'label:is([for="__drawer"], [for="__search"]).md-header__button': "", ".md-sidebar--primary .md-nav .md-nav label.md-nav__title": "Back from " };
  for (const [selector, words] of Object.entries(buttons)) {
    for (const label of document.querySelectorAll(selector)) {
      const found = label.querySelector(":scope > .access-button"); // a label itself may not be a button
      if (!narrow.matches) found?.remove();
      if (!narrow.matches) continue;
      const button = found ?? label.appendChild(document.createElement("span"));
      const name = words ? words + label.textContent.trim() : label.htmlFor === "__drawer" ? "Navigation" : "Search";
      const open = String(document.getElementById(label.htmlFor)?.checked);
      const attributes = { class: "access-button", role: "button", tabindex: "0", "aria-label": name, "aria-expanded": open };
      for (const [key, value] of Object.entries(attributes)) button.setAttribute(key, value);
    }
  }
};
document.addEventListener("click", (event) => {
  if (!event.target.matches?.(".access-button")) return;
  event.preventDefault(); // some browsers would click on the label, too, and some not
  document.getElementById(event.target.parentElement.htmlFor).click();
});
document.addEventListener("keydown", (event) => {
  const drawer = document.querySelector("#__drawer");
  if ([" ", "Enter"].includes(event.key) && event.target.matches?.(".access-button")) {
    event.preventDefault();
    event.target.click();
  } else if (event.key === "Escape" && narrow.matches && drawer?.checked) {
    drawer.click();
    document.querySelector('.md-header__button[for="__drawer"] > .access-button').focus();
  }
});

let waiting = 0;
const soon = () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(mend);
};
new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", soon);
addEventListener("load", soon);
addEventListener("change", soon); // a drawer or a panel is opened or closed
