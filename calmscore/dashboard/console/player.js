// The page's one player. It is Streamlit's own, out of sight; this drives it.

export class Player {
  constructor(changed) {
    this.selector = null;
    this.changed = changed;
    this.skipping = false;
    this.silence = [];
    this.rate = 1;
    this.wanted = null;
    this.volumes = [1, 1];
    // Where there is nothing to hear, the place in the call.
    this.place = 0;
    this.end = 0;
    this.tick = this.tick.bind(this);
  }

  get audio() {
    const found = this.selector && document.querySelector(this.selector);
    if (found !== this.known) this.adopt(found);
    if (found && found.readyState) {
      this.last = { source: found.src, seconds: found.currentTime, playing: !found.paused };
    }
    return found;
  }

  adopt(audio) {
    this.known = audio;
    if (!audio) return;
    const { last } = this;
    this.last = null;
    if (last && last.source === audio.src) {
      // The page drew the same player anew: it goes on where it was.
      this.seek(last.seconds);
      if (last.playing) this.play();
    }
    audio.preservesPitch = true;
    audio.playbackRate = this.rate;
    for (const name of ["play", "pause", "seeked", "loadedmetadata", "ended", "error"]) {
      audio.addEventListener(name, () => {
        if (audio !== this.known) return;
        this.changed();
        if (name === "play") requestAnimationFrame(this.tick);
      });
    }
  }

  get ready() {
    return Boolean(this.audio);
  }

  get seconds() {
    const audio = this.audio;
    return audio ? audio.currentTime : this.place;
  }

  get playing() {
    const audio = this.audio;
    return Boolean(audio) && !audio.paused;
  }

  seek(seconds) {
    const audio = this.audio;
    if (!Number.isFinite(seconds)) return;
    if (!audio) {
      if (this.selector) return;
      this.place = Math.min(Math.max(0, seconds), this.end);
      this.changed();
      return;
    }
    const go = () => {
      audio.currentTime = Math.max(0, seconds);
      this.changed();
    };
    // Before it knows its length a player goes nowhere; after that the page itself sets it to 0.
    if (audio.readyState) go();
    else audio.addEventListener("loadedmetadata", () => setTimeout(go), { once: true });
  }

  playFrom(seconds) {
    this.seek(seconds);
    this.play();
  }

  play() {
    const audio = this.audio;
    if (!audio) return;
    if (audio.calmscoreContext) audio.calmscoreContext.resume();
    audio.playbackRate = this.rate;
    audio.play().catch(() => {});
  }

  toggle() {
    const audio = this.audio;
    if (!audio) return;
    if (audio.paused) this.play();
    else audio.pause();
  }

  setRate(rate) {
    this.rate = rate;
    if (this.audio) this.audio.playbackRate = rate;
  }

  // Each side for itself: the graph is built when somebody asks for it, once for a player.
  setVolume(side, volume, sides) {
    this.volumes[side] = volume;
    const audio = this.audio;
    if (!audio) return;
    if (sides < 2) {
      audio.volume = volume;
      return;
    }
    if (!audio.calmscoreGains) {
      const context = new AudioContext();
      const splitter = context.createChannelSplitter(2);
      const merger = context.createChannelMerger(2);
      audio.calmscoreGains = [0, 1].map((at) => {
        const gain = context.createGain();
        splitter.connect(gain, at);
        gain.connect(merger, 0, at);
        return gain;
      });
      context.createMediaElementSource(audio).connect(splitter);
      merger.connect(context.destination);
      audio.calmscoreContext = context;
    }
    audio.calmscoreContext.resume();
    audio.calmscoreGains[side].gain.value = volume;
  }

  tick() {
    if (!this.playing) return;
    if (this.skipping) {
      const now = this.seconds;
      const gap = this.silence.find(([start, end]) => now > start + 0.3 && now < end - 0.7);
      if (gap) this.audio.currentTime = gap[1] - 0.3;
    }
    this.changed();
    requestAnimationFrame(this.tick);
  }
}
