"""Audio files for tests, written by other means than those that read them."""

from pathlib import Path

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream


def voice(seconds: float, rate_hz: int, channels: int = 1) -> np.ndarray:
    """A gliding sum of harmonics under 3 kHz, [T, channels] float32; each channel is softer."""
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * (150 * times_s + 20 * times_s**2)
    tone = sum(np.sin(k * phase) / k for k in range(1, 11))
    envelope = 0.2 * (1 + 0.5 * np.sin(2 * np.pi * 3 * times_s))
    levels = 1 / np.arange(1, channels + 1)
    return (tone * envelope)[:, None].astype(np.float32) * levels.astype(np.float32)


def encode(
    path: Path, samples: np.ndarray, rate_hz: int, codec: str, options: dict[str, str] | None = None
) -> Path:
    """Write `samples` [T, channels] with an encoder of FFmpeg; the ending names the container."""
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, AudioStream)
        planes = np.ascontiguousarray(samples.T)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = rate_hz
        frame.pts = 0  # lets the container note how much the encoder put before the sound
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def remux(source: Path, target: Path, options: dict[str, str] | None = None) -> Path:
    """Copy the packets of the sound into another container, undecoded."""
    with av.open(str(source)) as reader, av.open(str(target), "w", options=options or {}) as writer:
        stream = writer.add_stream_from_template(reader.streams.audio[0])
        for packet in reader.demux(reader.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    return target


def film(path: Path, sound: Path | None = None) -> Path:
    """A second of black video, with the sound of another file where one is given."""
    with av.open(str(path), "w") as writer:
        video = writer.add_stream("mpeg4", rate=10)
        assert isinstance(video, VideoStream)
        video.width = video.height = 64
        packets: list[Packet] = []
        if sound:
            with av.open(str(sound)) as reader:
                audio = writer.add_stream_from_template(reader.streams.audio[0])
                packets = [packet for packet in reader.demux(audio=0) if packet.dts is not None]
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            writer.mux(video.encode(picture))
        writer.mux(video.encode(None))
        for packet in packets:
            packet.stream = audio
            writer.mux(packet)
    return path


def read_with_soundfile(path: Path) -> tuple[np.ndarray, int]:
    """An independent decoder's answer: samples [T, channels] float32 and their rate."""
    return soundfile.read(path, dtype="float32", always_2d=True)
