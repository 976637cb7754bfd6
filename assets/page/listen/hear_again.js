// The sound of the take that is shown again.
(number, file) => window.serSounds?.get(number) ?? file
