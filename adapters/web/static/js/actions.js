// Letters for what can be done here: on a list in the row that has the focus, else on the page. A button is pressed,
// a link followed, a field entered. ? opens the list of keys. Everything is a link or a form without this script.

const keys = document.querySelector("#keys");
const current = document.querySelector("[data-worklist] a[aria-current]");
// After the page has gone to its fragment, which takes the focus away.
addEventListener("load", () => current?.focus());

function place() {
  return document.activeElement.closest("[data-worklist] tr") ?? document.querySelector("main");
}

addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.key === "Escape" && keys?.open) keys.open = false;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?" && keys) {
    event.preventDefault();
    keys.open = !keys.open;
    keys.querySelector("summary").focus();
    return;
  }
  if (!/^[a-z]$/.test(event.key)) return;
  const where = place();
  const onList = where.matches("main") && document.querySelector("[data-worklist]");
  const found = [...where.querySelectorAll(`[data-key="${event.key}"]`)].find((each) => !onList || !each.closest("tr"));
  if (!found) return;
  event.preventDefault();
  if (found.matches("select, input, textarea")) found.focus();
  else found.click();
});
