// A worklist by keyboard: j and k move, Enter opens (it is a link), / goes to the search field.

const items = [...document.querySelectorAll("[data-worklist] a:not([data-key])")];

addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector('input[type="search"]');
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
  }
  if (event.key !== "j" && event.key !== "k") return;
  const chosen = items.includes(document.activeElement) ? document.activeElement : null;
  const now = items.indexOf(chosen ?? items.find((item) => item.hasAttribute("aria-current")));
  items.at(Math.max(0, Math.min(items.length - 1, now + (event.key === "j" ? 1 : -1))))?.focus();
});
