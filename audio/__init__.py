"""Sound: decoding, channels, voice activity, features and augmentation."""
