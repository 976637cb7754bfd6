// Says at once that Cancel was heard; what was begun may take seconds to end.
() => {
  for (const button of document.querySelectorAll("#cancel, #cancel-part")) {
    if (!button.offsetParent || button.ariaDisabled === "true") continue;
    const told = button.textContent;
    button.textContent = "Stopping …";
    button.ariaDisabled = "true";
    const look = setInterval(() => {
      if (button.offsetParent) return;
      clearInterval(look);
      button.textContent = told;
      button.ariaDisabled = null;
    }, 100);
  }
}
