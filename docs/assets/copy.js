// The copy button of an example copies what is typed at the prompt: no prompts, no outputs, and the empty line that
// ends a block, which the theme's own way of copying cuts off.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest?.("[data-clipboard-target]");
    const code = button && document.querySelector(button.dataset.clipboardTarget);
    if (!code?.querySelector(".gp")) return; // no example: copied as it stands
    const typed = code.textContent.split("\n").filter((line) => /^(>>>|\.\.\.)( |$)/.test(line));
    button.dataset.clipboardText = typed.map((line) => line.slice(4) + "\n").join("");
  },
  true, // before the theme, which listens on the button
);
