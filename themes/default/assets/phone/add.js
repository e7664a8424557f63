// The page that shows an enrolment link: copies it.

const button = document.querySelector("#copy");
const link = document.querySelector("#enrol-link");
if (button && link && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(link.value);
    document.querySelector("#copied").hidden = false;
  });
}
link?.addEventListener("focus", () => link.select());
