// Runs before the page is painted, so that a dark desk never flashes white.
const root = document.documentElement;
const device = matchMedia("(prefers-color-scheme: dark)");
function paint() {
  const { theme } = root.dataset;
  root.dataset.bsTheme = theme === "light" || theme === "dark" ? theme : device.matches ? "dark" : "light";
}
paint();
device.addEventListener("change", paint);

// The choice in the bar is stored without loading the page again, which may hold what somebody is writing.
document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (!(form instanceof HTMLFormElement) || !(submitter instanceof HTMLButtonElement)) return;
  const menu = form.closest("[data-theme-menu]");
  if (!(menu instanceof HTMLDetailsElement) || submitter.name !== "theme") return;
  event.preventDefault();
  root.dataset.theme = submitter.value;
  paint();
  for (const button of form.querySelectorAll("button")) button.ariaPressed = String(button === submitter);
  menu.open = false;
  menu.querySelector("summary")?.focus();
  const response = await fetch(form.action, { method: "POST", body: new FormData(form, submitter), redirect: "manual" });
  if (response.type !== "opaqueredirect") location.reload();
});
