() => document.getElementById("takes").scrollIntoView({ block: "start", behavior: "smooth" })
