// Small repairs on Keycloak's pages; every page also works without this script.
document.addEventListener("DOMContentLoaded", () => {
  const heading = document.querySelector("h1");
  if (!heading.textContent.trim()) heading.textContent = document.querySelector(".instruction")?.textContent || document.title;
  document.title = heading.textContent.trim() + " · " + document.title;
  const steps = document.querySelector(".steps");
  if (steps) heading.closest("main").prepend(steps);
  const known = document.getElementById("kc-attempted-username");
  if (known) known.setAttribute("aria-label", known.closest(".field")?.querySelector("label")?.textContent.trim() || "");
  const names = { firstName: "given-name", lastName: "family-name" };
  for (const id in names) document.getElementById(id)?.setAttribute("autocomplete", names[id]);
  for (const field of document.querySelectorAll("[tabindex]")) if (field.tabIndex > 0) field.removeAttribute("tabindex");
  const wrong = [...document.querySelectorAll("[aria-invalid]")].filter((field) => {
    if (field.getAttribute("aria-invalid") !== "true") { field.removeAttribute("aria-invalid"); return false; }
    const error = document.getElementById("input-error-" + field.id)
      || field.closest(".field")?.querySelector("[id^=input-error-]:not([id*=container])");
    if (error) field.setAttribute("aria-describedby", error.id);
    return true;
  });
  wrong[0]?.focus();
});
