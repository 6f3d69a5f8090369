"""The HTTP service: uploads, jobs, stored calls, predictions, trainings."""
