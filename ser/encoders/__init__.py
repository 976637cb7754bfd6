"""Frozen Whisper encoder, WavLM and RoBERTa: from audio and text to `EncoderOutput`."""

from ser.encoders.bank import EncoderBank, folder_of
from ser.encoders.base import LAST_LAYER, EncoderSpec, choose_device, choose_dtype
from ser.encoders.roberta import RobertaBranch, Token
from ser.encoders.wavlm import WavlmBranch
from ser.encoders.whisper import WHISPER_CONTEXTS, WhisperBranch, encode_real_frames

__all__ = [
    "LAST_LAYER",
    "WHISPER_CONTEXTS",
    "EncoderBank",
    "EncoderSpec",
    "RobertaBranch",
    "Token",
    "WavlmBranch",
    "WhisperBranch",
    "choose_device",
    "choose_dtype",
    "encode_real_frames",
    "folder_of",
]
