"""The page's API: named endpoints apart from its own components."""

from pathlib import Path
from typing import Any

import gradio as gr

from assets.page import uploads
from assets.page.models import Models
from assets.page.queue import MODEL
from assets.page.telling import check_length, log_writer, sentence
from ser.errors import SerError


class Api:
    """Endpoints that programs use."""

    def __init__(self, models: Models) -> None:
        self.models = models
        audio = gr.Audio(type="filepath", label="Audio file", visible=False)
        transcript = gr.Textbox(label="Transcript, if known", visible=False)
        answer = gr.JSON(label="Prediction", visible=False)
        gr.Button(visible=False).click(
            self.predict, [audio, transcript], answer, api_name="predict", **MODEL
        )

    def predict(self, audio: str | None, transcript: str | None = None) -> dict[str, Any]:
        """Transcript, emotions, attributes and attention of one recording.

        A given transcript is used as it is, an empty one leaves the words out, and without one
        a speech recogniser writes it.
        """
        try:
            if audio is None:
                raise SerError("There is no recording. Send an audio file.")
            check_length(transcript)
            recognizer = self.models.get(self.models.first)
            prediction = recognizer.predict(audio, transcript=transcript)
            log_writer(prediction)
            return {"file": Path(audio).name, **prediction.to_dict()}
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from error
        finally:
            uploads.discard(audio)
