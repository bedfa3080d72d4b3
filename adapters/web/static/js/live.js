// Keeps a list fresh: every data-live seconds the page is asked for again and the part with that id is replaced.
// It waits while somebody types, has moved into the part, or looks at another window.

for (const part of document.querySelectorAll("[data-live]")) {
  const seconds = Number(part.dataset.live);
  setInterval(async () => {
    const busy = document.hidden || part.contains(document.activeElement) || document.querySelector("textarea:focus, input:focus");
    if (busy) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
      if (fresh) part.replaceChildren(...fresh.childNodes);
    } catch {
      // The network is away; the page says when it was updated, which stays true.
    }
  }, seconds * 1000);
}
