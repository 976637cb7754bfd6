// Runs in the browser's audio thread: gathers what the microphone delivers, one channel, 16 bit.
const BLOCK = 0.1; // seconds in one message to the page

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(Math.round(BLOCK * sampleRate));
    this.filled = 0;
    this.open = true;
    this.port.onmessage = () => { // the page wants the rest
      this.open = false;
      this.send();
      this.port.postMessage(null);
    };
  }

  send() {
    const block = this.block.slice(0, this.filled);
    this.filled = 0;
    this.port.postMessage(block, [block.buffer]);
  }

  process([channels]) {
    for (let at = 0; this.open && at < (channels[0]?.length ?? 0); at += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[at];
      const value = Math.round((sum / channels.length) * 32768);
      this.block[this.filled] = Math.max(-32768, Math.min(32767, value));
      this.filled += 1;
      if (this.filled === this.block.length) this.send();
    }
    return this.open;
  }
}

registerProcessor("microphone", Microphone);
