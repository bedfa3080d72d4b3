// The seconds left until a deadline that the page states in words. data-reload asks for a new page when it is over.

for (const place of document.querySelectorAll("[data-countdown]")) {
  const end = Date.parse(place.dataset.countdown);
  const tick = () => {
    const left = Math.floor((end - Date.now()) / 1000);
    if (left >= 0) {
      const words = place.dataset.left.replace("{m}", Math.floor(left / 60)).replace("{s}", left % 60);
      place.textContent = document.documentElement.lang === "en" ? ", " + words : "，" + words;
      return;
    }
    clearInterval(timer);
    if ("reload" in place.dataset && !document.hidden) location.reload();
    else place.textContent = place.dataset.over && "，" + place.dataset.over;
  };
  const timer = setInterval(tick, 1000);
  tick();
}
