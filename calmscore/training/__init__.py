"""The laboratory: corpora, training sets, fine-tuning, measurements, the model card."""
