"""Where the sound comes from: microphone, file, or one of the examples."""

import gradio as gr
from gradio.events import Dependency

from assets.page.looks import ASSETS, asset
from assets.page.queue import PRIVATE

EXAMPLES = {  # files of assets/examples, made by make.py there
    "lively": "What a lovely surprise!",
    "harsh": "Never touch my things!",
    "slow": "I miss him every day.",
    "plain": "The train to Oxford …",
}


class Recording:
    """The recorder, and the buttons of the examples."""

    def __init__(self) -> None:
        gr.HTML("<h2>Your voice</h2>", js_on_load=asset("listen/any_file.js"))
        self.audio = gr.Audio(
            type="filepath",
            sources=["microphone", "upload"],
            label="Recording",
            show_label=False,
            editable=False,
            buttons=[],
            elem_id="recording",
        )
        gr.HTML('<p class="quiet">No voice at hand? Let the computer speak:</p>')
        with gr.Row(elem_classes="examples"):
            self.examples = {
                name: gr.Button(f"“{text}”", size="sm") for name, text in EXAMPLES.items()
            }

    def starts(self) -> list[Dependency]:
        """Events after which there is another recording."""
        keep_copy = asset("listen/keep_copy.js")
        own = [self.audio.stop_recording, self.audio.upload]
        starts = [gr.on(own, None, self.audio, self.audio, js=keep_copy)]
        for name, button in self.examples.items():
            path = str(ASSETS / "examples" / f"{name}.flac")
            chosen = button.click(lambda path=path: path, None, self.audio, queue=False, **PRIVATE)
            starts.append(chosen.then(None, self.audio, self.audio, js=keep_copy))
        return starts
