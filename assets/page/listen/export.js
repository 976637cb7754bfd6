// Asks the server for a file and saves what comes back; nothing is written on the server.
const menu = element.querySelector("details");
const opener = menu.querySelector("summary");
const told = element.querySelector("[role=status]");
const close = () => {
  menu.open = false;
  opener.focus();
};

element.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-kind]");
  if (!choice) return;
  close();
  told.textContent = "Making the file …";
  trigger("make", { kind: choice.dataset.kind });
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu.open) close();
});
document.addEventListener("click", (event) => {
  if (!menu.contains(event.target)) menu.open = false;
});

watch("value", () => {
  const file = props.value;
  if (!file) return; // taken, below
  props.value = null; // so that the same file can be asked for again, and is not kept here
  if (!file.text) {
    told.textContent = file.problem;
    return;
  }
  window.serSave(file.name, file.type, file.text);
  told.textContent = `Made ${file.name}.`;
});
