"""Sound: decoding, voice activity, features, playback."""
