// The microphone as numbered samples. `worklet` is the source of worklet.js.
const WANTED_HZ = 16000; // what the models hear; less to send than the device's own rate

// Why there is no sound, in words that say what to do.
const whyNot = (error) => ({
  NotAllowedError: "This page may not use the microphone. Allow it beside the address of the page, "
    + "then start again.",
  NotFoundError: "No microphone was found. Connect one, then start again.",
  NotReadableError: "The microphone is used by another program. Close that, then start again.",
}[error.name] ?? "The microphone cannot be used by this browser. Try another browser.");

const DISCONNECTED = "The microphone was disconnected, so listening ended. Connect it, start again.";
const INTERRUPTED = "The browser stopped the sound, so listening ended. Start again when you like.";
const NOT_SECURE = "Browsers give the microphone only to pages on https or on this computer "
  + "(localhost). Open this page at such an address.";

// Automatic gain and the like change what is measured here: how loud and how lively a voice is.
const UNTOUCHED = { echoCancellation: false, autoGainControl: false, noiseSuppression: false };

// Some browsers take a microphone only at its own rate; the server takes any.
const connected = (stream) => {
  const attempt = (options) => {
    const context = new AudioContext(options);
    try {
      return { context, source: context.createMediaStreamSource(stream) };
    } catch (error) {
      context.close();
      throw error;
    }
  };
  try {
    return attempt({ sampleRate: WANTED_HZ });
  } catch {
    return attempt({});
  }
};

// Hands every block (Int16Array) to `heard`; `lost` is told why where no more can come. Gives
// the rate, and `stop`, which comes back when the last block has been handed over.
const openMicrophone = async (worklet, heard, lost) => {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new Error(NOT_SECURE);
  let stream;
  let context;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { ...UNTOUCHED, channelCount: 1 } });
    const [track] = stream.getAudioTracks();
    track.addEventListener("ended", () => lost(DISCONNECTED));
    const connection = connected(stream);
    context = connection.context;
    const source = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
    await context.audioWorklet.addModule(source);
    URL.revokeObjectURL(source);
    context.resume().catch(() => {}); // while it does not go on no sound comes, and the server ends it
    const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
    let done;
    const finished = new Promise((resolve) => { done = resolve; });
    node.port.onmessage = ({ data }) => (data === null ? done() : heard(data));
    connection.source.connect(node);
    let stopping = null; // the promise of the end
    context.addEventListener("statechange", () => {
      if (!stopping && context.state !== "running") lost(INTERRUPTED);
    });
    const close = () => {
      stream.getTracks().forEach((one) => one.stop());
      context.close();
    };
    const rest = async () => {
      node.port.postMessage("rest");
      // a device that was pulled out may have stopped the audio thread with it
      await Promise.race([finished, new Promise((resolve) => { setTimeout(resolve, 500); })]);
      close();
    };
    const stop = () => {
      stopping ??= rest();
      return stopping;
    };
    const settings = track.getSettings();
    const kept = Object.keys(UNTOUCHED).some((name) => settings[name]);
    return { rate: context.sampleRate, stop, kept };
  } catch (error) {
    stream?.getTracks().forEach((one) => one.stop());
    context?.close();
    throw new Error(whyNot(error));
  }
};
