// What every page does a little better with a script: a double tap sends once, a toast closes in place,
// an open menu closes when one looks elsewhere. Without it everything still works.

for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    for (const button of document.querySelectorAll("button")) {
      if (button.form === form) button.setAttribute("aria-disabled", "true");
    }
  });
}

// Coming back with the back button shows the page as it was: it may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

for (const link of document.querySelectorAll(".toast [data-close]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.replaceState(null, "", link.getAttribute("href"));
    link.closest(".toast").remove();
  });
}

const menus = document.querySelectorAll("details.who");
addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of menus) menu.open = false;
});

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
